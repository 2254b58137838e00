"""The OpenAI-compatible gateway: whoever can talk to OpenAI can talk to a cascade.

    front       before and after every request    door       who may come in, and how many
    asking      what is asked (prompt: the messages)          refusal    why there is no answer
    completing  asking the cascade (relay: for as long as the client is there)
    answering   the answer in OpenAI's form (hearing: its log-probabilities)
    figures, metrics, reviewing, dashboard        what people look at, and decide
    gateway     all of it around one cascade      server     listening, and stopping gracefully

It needs the extra `serve`: fastapi, uvicorn and prometheus-client.
"""
