"""The site of the demo: an energy supplier with a login and three bills."""
