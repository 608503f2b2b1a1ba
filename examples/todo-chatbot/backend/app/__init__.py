"""The todo chatbot's backend: a todo list over HTTP, and a chat that keeps it."""
