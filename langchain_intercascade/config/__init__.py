"""One typed configuration for command line, gateway and Studio: a TOML file, and the environment.

`reading` gathers what was said and where, `problems` says all that is wrong with it at once,
`config` holds it, and `building` makes of it what it names.
"""
