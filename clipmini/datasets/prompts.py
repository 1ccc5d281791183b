"""Class names in sentences (paper section 3.1.4)."""


def fill(template: str, name: str) -> str:
    """The prompt of a class: every {} of the template is its name, and all else is text as it stands, other braces too.

    Raises: ValueError if the template has no {}.
    """
    if "{}" not in template:
        raise ValueError(f"template {template!r} has no {{}} for the class name")
    return template.replace("{}", name)
