"""Organizations and their environments: the walls between tenants."""
