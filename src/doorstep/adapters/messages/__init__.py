"""Messages: who carries e-mail and text messages."""
