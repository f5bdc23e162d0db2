"""The libraries that compute the networks under Keras, called engines: one file for each.

Keras takes one engine for the whole process, when it is first imported. Each file has the same
three functions: `use` a device, `scope` in which networks are built and called, `answering`.
"""
