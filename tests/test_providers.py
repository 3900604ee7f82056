"""What goes over the wire is what `litellm.acompletion` sends, and means what it says."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import retitlekit as rk
from retitlekit import models
from retitlekit.models import providers

from .loopback import Answer, Fault, Loopback, Raw

ASK = [
    {"role": "system", "content": "You retitle."},
    {"role": "user", "content": "“Łódź” 🚲 <title>\u2028{{x}}</title>"},
]
KEYS = (
    "OPENAI GROQ DEEPSEEK OPENROUTER TOGETHERAI MISTRAL XAI FIREWORKS_AI HOSTED_VLLM LITELLM_PROXY LM_STUDIO CEREBRAS "
    "DEEPINFRA PERPLEXITYAI NVIDIA_NIM SAMBANOVA ANTHROPIC"
).split()
DIRECT = (
    "openai/gpt-4o-mini openai/gpt-5-mini openai/model-a hosted_vllm/model-a openrouter/openai/gpt-4o-mini "
    "groq/llama-3.1-8b-instant deepseek/deepseek-chat together_ai/model-a litellm_proxy/model-a lm_studio/model-a "
    "mistral/mistral-small-latest xai/grok-3 fireworks_ai/model-a cerebras/llama3.1-8b deepinfra/model-a "
    "perplexity/sonar nvidia_nim/model-a sambanova/model-a llamafile/model-a"
).split()


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.setenv(f"{name}_API_KEY", f"planted-{name.lower()}")
    models.forget_routes()


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with Loopback(models=("model-a", "gpt-4o-mini", "o3-mini")) as server:
        yield server


def outcome(model: rk.Model, **options: Any) -> Any:
    """The reply, or all that a CallError says."""
    try:
        return asyncio.run(models.complete(model, ASK, **{"timeout": 60, **options}))
    except rk.CallError as error:
        return error.error_type, error.retryable, error.retry_after, error.status, error.headers


def both(
    server: Loopback, model: rk.Model, answer: Callable[[Any, int], Answer], times: int = 1, **options: Any
) -> tuple[list[Any], list[Any]]:
    """Outcomes over the wire, and those of LiteLLM alone."""
    server.answer = answer
    server.seen.clear()
    direct = [outcome(model, **options) for _ in range(times)]
    server.seen.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(providers.Routes, "find", through_litellm)
        return direct, [outcome(model, **options) for _ in range(times)]


async def through_litellm(routes: providers.Routes, call: object) -> None:
    """No route: `complete` calls litellm.acompletion."""


def alike(direct: list[Any], litellm: list[Any]) -> None:
    """The same, but for what adding up in another order does to the last digit of a cost."""
    costs = [[each.cost_usd or 0 for each in some if isinstance(each, models.Reply)] for some in (direct, litellm)]
    assert costs[1] == pytest.approx(costs[0], rel=1e-9)
    bare = [
        [each._replace(cost_usd=each.cost_usd is None) if isinstance(each, models.Reply) else each for each in some]
        for some in (direct, litellm)
    ]
    assert bare[1] == bare[0]


def is_direct(model: rk.Model, **params: Any) -> bool:
    return asyncio.run(providers.Routes().find(models._request(model, ASK, params))) is not None


def reply(content: str | None = "A title", usage: Any = None, **changes: Any) -> dict[str, Any]:
    """A chat completion; changes to the message begin with m_, those to the choice with c_."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = usage or {"prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59}
    raw = {"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini", "service_tier": "default"}
    for name, value in changes.items():
        place = {"m_": message, "c_": choice}.get(name[:2], raw)
        place[name.removeprefix("m_").removeprefix("c_")] = value
    return {**raw, "choices": [choice], "usage": usage} | {
        k: v for k, v in changes.items() if k in ("choices", "usage")
    }


@pytest.mark.parametrize("id", DIRECT)
def test_the_same_request_and_reply(server: Loopback, id: str) -> None:  # noqa: A002
    """For each provider one session sends what LiteLLM sends: body, key, headers; and the reply reads the same."""
    model = rk.Model(id, api_base=server.base)
    server.bodies.clear()
    server.headers.clear()
    heat = None if "gpt-5" in id else 0.3
    direct, litellm = both(
        server, model, lambda body, nth: Raw(reply(model=id)), temperature=heat, params={"max_tokens": 40}
    )
    wire, theirs = ({name.lower(): value for name, value in each.items()} for each in server.headers)
    of_the_hop = {"host", "content-length", "connection", "accept-encoding", "user-agent", "accept"}
    said = {name for name in theirs if name not in of_the_hop and not name.startswith("x-stainless")}

    assert is_direct(model)
    assert len(server.bodies) == 2  # learning sends nothing
    assert server.bodies[1] == server.bodies[0]
    assert {name: theirs[name] for name in said} == {name: wire.get(name) for name in said}
    assert {name for name in wire if name.startswith("x-stainless")} == set()
    alike(direct, litellm)


MANY_TOKENS = {"prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 0}, "total_tokens": 0}
REPLIES = {
    "plain": reply(),
    "unicode": reply("“Łódź” – 🚲\u2028 \u0000"),
    "empty": reply(""),
    "blank": reply("  \n"),
    "nothing": reply(None),
    "refusal": reply(None, m_refusal="I cannot."),
    "refusal beside text": reply("A title", m_refusal="I cannot."),
    "cut off": reply(c_finish_reason="length"),
    "filtered": reply(c_finish_reason="content_filter"),
    "odd finish": reply(c_finish_reason="eos_token"),
    "no finish": reply(c_finish_reason=None),
    "thinking aloud": reply("<think>Hm.</think>A title"),
    "reasoning": reply(m_reasoning_content="Hm."),
    "reasoning, other name": reply(m_reasoning="Hm."),
    "a tool": reply(None, m_tool_calls=[{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]),
    "parts": reply(m_content=[{"type": "text", "text": "A title"}]),
    "two choices": reply(choices=reply()["choices"] * 2),
    "no choices": reply(choices=[]),
    "logprobs": reply(c_logprobs={"content": [{"token": "A", "logprob": -0.1, "bytes": [65], "top_logprobs": []}]}),
    "no usage": {key: value for key, value in reply().items() if key != "usage"},
    "usage null": reply() | {"usage": None},
    "zero usage": reply(usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
    "odd usage": reply(usage={"prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59, "queue_time": 0.5}),
    "its own cost": reply(usage={"prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59, "cost": 0.25}),
    "cached tokens": reply(usage={"prompt_tokens": 50, "completion_tokens": 9} | MANY_TOKENS),
    "reasoning tokens": reply(
        usage={
            "prompt_tokens": 50,
            "completion_tokens": 90,
            "total_tokens": 140,
            "completion_tokens_details": {"reasoning_tokens": 64},
        }
    ),
    "many tokens": reply(usage={"prompt_tokens": 300_000, "completion_tokens": 9, "total_tokens": 300_009}),
    "flex tier": reply(service_tier="flex"),
    "another model": reply(model="gpt-4o-2024-08-06"),
    "more keys": reply(x_groq={"id": "req"}, system_fingerprint="fp", m_annotations=[], m_audio=None),
    "error with 200": {"error": {"message": "Provider returned error", "code": 502}},
    "empty object": {},
    "a list": [1],
    "no JSON": b"<html>Bad gateway</html>",
    "no body": b"",
    "half": b'{"choices": [{"mess',
}


@pytest.mark.parametrize("id", ["openai/gpt-4o-mini", "deepseek/deepseek-chat"])
@pytest.mark.parametrize("case", REPLIES)
def test_replies(server: Loopback, id: str, case: str) -> None:  # noqa: A002
    """Each kind of reply reads as LiteLLM reads it, at first sight and again: text, reason, tokens, cost, exception."""
    model = rk.Model(id, api_base=server.base)
    outcomes = both(server, model, lambda body, nth: Raw(REPLIES[case]), times=2)

    # of an error only its class: that it came with a 200 is known here, and not to LiteLLM
    alike(*([each if isinstance(each, models.Reply) else each[0] for each in some] for some in outcomes))


@pytest.mark.parametrize("id", ["openai/gpt-4o", "openai/o3-mini", "deepseek/deepseek-chat", "perplexity/sonar"])
def test_costs_of_many_replies(server: Loopback, id: str) -> None:  # noqa: A002
    """After the first reply of a shape the cost is reckoned here, and is LiteLLM's for every number of tokens."""

    def answer(body: object, nth: int) -> Raw:
        tokens = {"prompt_tokens": 900 + 31 * nth, "completion_tokens": 70 + nth * nth, "total_tokens": 0}
        cached, thought = {"cached_tokens": 17 * nth}, {"reasoning_tokens": 5 * nth}
        details = {"prompt_tokens_details": cached, "completion_tokens_details": thought}
        return Raw(reply(model=id.split("/")[1], usage=tokens | (details if nth % 2 else {})))

    direct, litellm = both(server, rk.Model(id, api_base=server.base), answer, times=6)

    assert [each.cost_usd for each in litellm] == pytest.approx([each.cost_usd for each in direct], rel=1e-9)
    assert [each.input_tokens for each in litellm] == [each.input_tokens for each in direct]
    assert all(each.cost_usd for each in litellm)


HUGE = {"prompt_tokens": 10**30, "completion_tokens": 9, "total_tokens": 10**30}
HOSTILE = {
    "too many tokens": Raw(reply(usage=HUGE)),
    "endless tokens": Raw(b'{"choices": [{"message": {"content": "A title"}, "finish_reason": "stop"}], "usage": '
                          b'{"prompt_tokens": 1, "completion_tokens": 1, "cost": 1e999}}'),
    "half a character": Raw(reply("A title \ud83d", c_finish_reason="st\ud83dop", model="\ud83d")),
    "half a character in an error": Raw({"error": {"message": "No \ud83d"}}, 400),
    "a model that is none": Raw(reply(model=["a"], service_tier={"b": 1})),
    "header of another alphabet": Raw(reply(None, m_refusal="No."), 200, {"x-note": "ł"}),
    "a tower": Raw(b"[" * 100_000),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_replies_end_as_rows(server: Loopback, case: str) -> None:
    """Whatever a server sends, the sweep ends, the store takes it, and the frame can be written."""
    server.answer = lambda body, nth: HOSTILE[case]
    trials = rk.plan(
        rk.Prompt("p", "{{ title | safe }}"),
        rk.Article("a", "Council votes", "It voted."),
        models=rk.Model("openai/model-a", api_base=server.base),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rk.RetitlekitWarning)
        frame = rk.run(trials, progress=False, retries=0)
    again = rk.read_frame(rk.write_frame(frame, "frame.parquet"))

    assert set(frame.status) <= {"ok", "error"}
    assert again.completion.tolist() == frame.completion.tolist()
    assert "error" not in case or set(frame.status) == {"error"}


def error(message: str = "It failed.", code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": None, "code": code}}


ERRORS = [
    *[Raw(error(), status) for status in (400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422, 425, 429)],
    *[Raw(error(), status) for status in (500, 501, 502, 503, 504, 520, 529)],
    Raw(error("This model's maximum context length is 10 tokens.", "context_length_exceeded"), 400),
    Raw(error("Your request was rejected as a result of our safety system.", "content_policy_violation"), 400),
    Raw(error("'temperature' does not support 0.3 with this model.", "unsupported_value"), 400),
    Raw(error("You exceeded your current quota.", "insufficient_quota"), 429),
    Raw(error("Slow down."), 429, {"content-type": "application/json", "retry-after": "7", "x-ratelimit-limit": "9"}),
    Raw(b"<html>Bad gateway</html>", 502, {"content-type": "text/html"}),
    Raw(b"", 500),
    Raw(["odd"], 400),
    Fault(how="reset"),
    Fault(how="close"),
    Fault(how="hang"),
]


@pytest.mark.parametrize("id", ["openai/gpt-4o-mini", "hosted_vllm/model-a"])
@pytest.mark.parametrize("answer", ERRORS, ids=lambda answer: f"{answer.status}-{getattr(answer, 'how', '')}")
def test_errors(server: Loopback, id: str, answer: Answer) -> None:  # noqa: A002
    """Every HTTP error and every broken connection is one request, and the error that LiteLLM makes of it."""
    server.bodies.clear()
    hangs = isinstance(answer, Fault) and answer.how == "hang"
    server.answer = lambda body, nth: Raw(reply())
    outcome(rk.Model(id, api_base=server.base))  # or the hanging call would time out while it learns
    server.bodies.clear()
    direct, litellm = both(
        server, rk.Model(id, api_base=server.base), lambda body, nth: answer, timeout=1 if hangs else 60
    )

    assert litellm == direct
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    ("id", "params", "says"),
    [
        ("openai/gpt-5-mini", {"temperature": 0.3}, "UnsupportedParamsError"),
        ("openai/gpt-5-mini", {"temperature": 0.3, "drop_params": True}, None),
        ("openai/o3-mini", {"temperature": 0.3, "drop_params": True}, None),
        ("openai/gpt-4o-mini", {"top_k": 3}, None),
        ("openai/gpt-4o-mini", {"not_a_parameter": {"a": [1]}}, None),
        ("openai/gpt-4o-mini", {"extra_body": {"guided_choice": ["a"]}, "extra_headers": {"X-Team": "news"}}, None),
        ("openai/gpt-4o-mini", {"response_format": {"type": "json_object"}, "seed": 3, "logit_bias": {"5": 1}}, None),
        ("hosted_vllm/model-a", {"top_k": 3, "reasoning_effort": "low"}, None),
        ("groq/llama-3.1-8b-instant", {"max_completion_tokens": 9, "stop": ["."]}, None),
    ],
)
def test_parameters(server: Loopback, id: str, params: dict[str, Any], says: str | None) -> None:  # noqa: A002
    """What LiteLLM makes of parameters, it makes of them here: dropped, renamed, refused, passed on."""
    server.bodies.clear()
    server.headers.clear()
    direct, litellm = both(server, rk.Model(id, api_base=server.base), lambda body, nth: Raw(reply()), params=params)

    assert litellm[0] == direct[0] if says else litellm[0].completion == direct[0].completion
    assert says is None or says == direct[0][0]
    assert [server.bodies[0]] * 2 == server.bodies if says is None else server.bodies == []
    teams = {{k.lower(): v for k, v in each.items()}.get("x-team") for each in server.headers}
    assert teams <= {params.get("extra_headers", {}).get("X-Team")}


def test_the_temperature_that_was_really_sent(server: Loopback) -> None:
    """Where LiteLLM drops the temperature of a reasoning model, the reply says so."""
    server.answer = lambda body, nth: Raw(reply())
    reasoning = rk.Model("openai/o3-mini", api_base=server.base)
    plain = rk.Model("openai/gpt-4o-mini", api_base=server.base)

    assert outcome(reasoning, temperature=0.3, params={"drop_params": True}).effective_temperature is None
    assert outcome(plain, temperature=0.3).effective_temperature == 0.3


@pytest.mark.parametrize("id", ["ollama_chat/model-a", "anthropic/claude-3-5-haiku-latest", "baseline/prefix"])
def test_other_protocols_go_through_litellm(server: Loopback, id: str) -> None:  # noqa: A002
    """What is not OpenAI's protocol has no route."""
    assert not is_direct(rk.Model(id, api_base=server.base))


@pytest.mark.parametrize("params", [{"fallbacks": ["openai/x"]}, {"mock_response": "A title"}])
def test_detours_go_through_litellm(server: Loopback, params: dict[str, Any]) -> None:
    """So are calls that LiteLLM would answer itself, or send elsewhere."""
    assert not is_direct(rk.Model("openai/gpt-4o-mini", api_base=server.base), **params)


def test_who_listens_to_litellm_sees_each_call(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a callback of the user's, calls go where the callback is called."""
    monkeypatch.setattr(providers.litellm(), "success_callback", [print])

    assert not is_direct(rk.Model("openai/gpt-4o-mini", api_base=server.base))


def test_a_named_key_is_read_for_each_call(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key in the variable that a Model names goes out as it stands at that moment."""
    server.answer = lambda body, nth: Raw(reply())
    model = rk.Model("groq/llama-3.1-8b-instant", api_base=server.base, api_key_env="GROQ_API_KEY")
    server.headers.clear()
    outcome(model)
    monkeypatch.setenv("GROQ_API_KEY", "planted-anew")
    outcome(model)

    assert ["Bearer planted-groq", "Bearer planted-anew"] == [each["Authorization"] for each in server.headers]


def test_changes_are_noticed(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that starts after a key, a setting or a price was changed goes by what holds now."""
    server.answer = lambda body, nth: Raw(reply())
    plain, reasoning = (rk.Model(f"openai/{name}", api_base=server.base) for name in ("gpt-4o-mini", "o3-mini"))

    async def calls() -> list[tuple[str, float | None, float | None]]:
        told = []
        for change in (lambda: None, *changes):
            change()
            models.check_ready([plain, reasoning])
            one = await models.complete(plain, ASK)
            try:
                other = (await models.complete(reasoning, ASK, temperature=0.3)).effective_temperature
            except rk.CallError as error:
                other = -1.0 if error.error_type == "UnsupportedParamsError" else None
            told.append((server.headers[-1]["Authorization"], one.cost_usd, other))
        return told

    door = providers.litellm()
    known = dict(door.model_cost["gpt-4o-mini"])
    changes = [
        lambda: monkeypatch.setenv("OPENAI_API_KEY", "planted-anew"),
        lambda: monkeypatch.setattr(door, "drop_params", True),
        lambda: door.register_model(
            {"gpt-4o-mini": {**known, "input_cost_per_token": 1.0, "output_cost_per_token": 0.0}}
        ),
    ]
    try:
        keys, costs, heats = zip(*asyncio.run(calls()), strict=True)
    finally:
        door.register_model({"gpt-4o-mini": known})

    assert ("Bearer planted-openai", *["Bearer planted-anew"] * 3) == keys
    assert (pytest.approx(50 * 1.5e-7 + 9 * 6e-7),) * 3 == costs[:3]
    assert costs[3] == 50
    assert heats == (-1.0, -1.0, None, None)


def test_a_route_is_learnt_once(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty calls at once make LiteLLM build one request."""
    server.answer = lambda body, nth: Raw(reply())
    built: list[object] = []
    overhear = providers._overhear

    async def count(*call: Any) -> Any:
        built.append(call)
        return await overhear(*call)

    monkeypatch.setattr(providers, "_overhear", count)
    model = rk.Model("openai/gpt-4o-mini", api_base=server.base)

    async def fifty() -> None:
        await asyncio.gather(*(models.complete(model, ASK) for _ in range(50)))

    asyncio.run(fifty())

    assert len(built) == 1


def test_a_redirect_is_followed_as_litellm_follows_it(server: Loopback) -> None:
    """An address that moved is LiteLLM's to follow; the answer comes."""
    target = f"{server.base}/chat/completions"
    server.answer = lambda body, nth: Raw(b"", 307, {"location": target}) if nth == 1 else Raw(reply())
    server.seen.clear()

    assert outcome(rk.Model("openai/model-a", api_base=server.base)).completion == "A title"


def test_no_route_holds_a_key_in_its_text(server: Loopback, caplog: pytest.LogCaptureFixture) -> None:
    """The key is in no repr, and learning and sending log nothing that holds it."""
    server.answer = lambda body, nth: Fault(401, "Incorrect API key: planted-openai")
    caplog.set_level(logging.DEBUG)
    model = rk.Model("openai/gpt-4o-mini", api_base=server.base, api_key_env="OPENAI_API_KEY")
    with pytest.raises(rk.CallError) as caught:
        asyncio.run(models.complete(model, ASK))
    route = asyncio.run(providers.Routes().find(models._request(model, ASK, {})))

    assert "planted" not in repr(route) + repr(route and route.address) + str(caught.value)
    assert "planted" not in "".join(record.getMessage() for record in caplog.records if record.name != "LiteLLM")


def test_the_session_ends_with_its_loop(server: Loopback, capfd: pytest.CaptureFixture[str]) -> None:
    """Event loops come and go, and no connection is left open behind them."""
    server.answer = lambda body, nth: Raw(reply())
    for _ in range(3):
        outcome(rk.Model("openai/gpt-4o-mini", api_base=server.base))

    assert "Unclosed" not in capfd.readouterr().err
