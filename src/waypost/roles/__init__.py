"""Roles: the vendor's access control, who may do what in an organization and in an environment."""
