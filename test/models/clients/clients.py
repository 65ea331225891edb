"""Asks a server through one of the clients for Python, case by case; arguments and output are those of clients.mjs."""

import json
import sys

base_url, name, cases = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
PROMPT = "4 9 10 13 = 24 :"
MODEL = "game24"
MESSAGES = [{"role": "user", "content": PROMPT}]
OWN = ("best_of", "whetstone")


def split(fields):
    """What the clients know, and what goes into the body besides."""
    return (
        {key: value for key, value in fields.items() if key not in OWN},
        {key: value for key, value in fields.items() if key in OWN},
    )


def joined(chunks):
    text, tokens = "", None
    for chunk in chunks:
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
        if getattr(chunk, "usage", None):
            tokens = chunk.usage.completion_tokens
    return {"text": text, "tokens": tokens}


def whole(reply):
    return {"text": reply.choices[0].message.content, "tokens": reply.usage.completion_tokens}


def openai_raw(stream, fields, model=MODEL):
    from openai import OpenAI

    known, extra = split(fields)
    client = OpenAI(base_url=base_url, api_key="none", max_retries=0)
    if stream:
        with client.chat.completions.create(model=model, messages=MESSAGES, extra_body=extra, stream=True, **known) as chunks:
            return joined(chunks)
    return whole(client.chat.completions.create(model=model, messages=MESSAGES, extra_body=extra, **known))


def openai_helper(stream, fields):
    from openai import LengthFinishReasonError, OpenAI

    if not stream:
        return openai_raw(stream, fields)
    known, extra = split(fields)
    client = OpenAI(base_url=base_url, api_key="none", max_retries=0)
    text = ""
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES, extra_body=extra, **known) as events:
        try:
            for event in events:
                if event.type == "content.delta":
                    text += event.delta
            final = events.get_final_completion()
        except LengthFinishReasonError as cut:
            # What this helper makes of a text that reached its longest length.
            final = cut.completion
    assert final.choices[0].message.content == text
    return {"text": text, "tokens": final.usage.completion_tokens if final.usage else None}


def litellm(stream, fields):
    from litellm import completion

    known, extra = split(fields)
    options = {"model": f"openai/{MODEL}", "api_base": base_url, "api_key": "none", "messages": MESSAGES, "max_retries": 0}
    reply = completion(**options, **known, stream=stream, extra_body=extra)
    return joined(reply) if stream else whole(reply)


def langchain(stream, fields):
    from langchain_openai import ChatOpenAI

    known, extra = split(fields)
    logprobs = known.pop("logprobs", None)
    options = known.pop("stream_options", None)
    chat = ChatOpenAI(
        model=MODEL,
        base_url=base_url,
        api_key="none",
        max_retries=0,
        extra_body=extra,
        logprobs=logprobs,
        stream_usage=options is not None,
        **known,
    )
    if not stream:
        reply = chat.invoke(PROMPT)
        return {"text": reply.content, "tokens": reply.usage_metadata["output_tokens"]}
    text, tokens = "", None
    for chunk in chat.stream(PROMPT):
        text += chunk.content
        if chunk.usage_metadata:
            tokens = chunk.usage_metadata["output_tokens"]
    return {"text": text, "tokens": tokens}


def llm(stream, fields):
    from llm.default_plugins.openai_models import Chat

    known, extra = split(fields)
    # It has no fields of whetstone's: the model's name says what they would.
    model = MODEL if not extra else f"{MODEL}:best-of-{extra['best_of']}"
    if "whetstone" in extra:
        model += f":{extra['whetstone']['reward']}"
    known.pop("stream_options", None)
    known.pop("logprobs", None)
    if isinstance(known.get("stop"), list):
        known["stop"] = ",".join(known["stop"])
    chat = Chat("whetstone", model_name=model, api_base=base_url)
    chat.key = "none"
    reply = chat.prompt(PROMPT, stream=stream, **known)
    text = reply.text()
    return {"text": text, "tokens": reply.output_tokens}


CLIENTS = {
    "openai-python": openai_raw,
    "openai-python .stream()": openai_helper,
    "LiteLLM": litellm,
    "langchain-openai": langchain,
    "llm": llm,
}

results = []
for case in cases:
    try:
        results.append(CLIENTS[name](case["stream"], dict(case["fields"])))
    except Exception as error:  # what a client says of it is what the test shows
        results.append({"error": f"{type(error).__name__}: {error}"[:600]})
print(json.dumps(results))
