"""What tests share: helpers and the processes they talk to."""
