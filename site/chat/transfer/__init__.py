"""Chats in files: written for people and programs, and read back, from here and from elsewhere."""
