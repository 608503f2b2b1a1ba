"""Understanding short sentences about todos, by rules, without a model."""
