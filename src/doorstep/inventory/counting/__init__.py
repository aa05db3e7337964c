"""Count jobs: shelves counted one by one, blind. Outsiders use the door of inventory."""
