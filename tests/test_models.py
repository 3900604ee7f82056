"""Models: ids, keys, servers, prices, and the one door to LiteLLM, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest

import retitlekit as rk
from retitlekit import models
from retitlekit.baselines import BASELINES
from retitlekit.errors import CallError
from retitlekit.models import keys, prices, servers

from .loopback import Fault, Loopback, Raw

ASK = [{"role": "user", "content": "Rewrite <title>Council votes</title>"}]


def ask(model: rk.Model, **options: object) -> models.Reply:
    return asyncio.run(models.complete(model, ASK, **options))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"id": " "}, "give a LiteLLM id"),
        ({"id": "openai/x", "api_base": "127.0.0.1:8000"}, "must start with http"),
        ({"id": "openai/x", "api_base": "http://user:sk-1@host/v1"}, "holds a user or key"),
        ({"id": "openai/x", "api_key_env": "sk-123 456"}, "name of an environment variable"),
        ({"id": "openai/x", "rpm": 0}, "rpm must be positive"),
        ({"id": "openai/x", "params": {"api_key": "sk-1"}}, "api_key_env="),
        ({"id": 3}, "give a LiteLLM id"),
        ({"id": "openai/x", "name": 3}, "name is a text"),
        ({"id": "openai/x", "api_base": 3}, "is an address, not int"),
        ({"id": "openai/x", "api_base": "http://[::1/v1"}, "is no address"),
        ({"id": "openai/x", "api_base": "http:///v1"}, "name a host"),
        ({"id": "openai/x", "rpm": "100"}, "rpm is a number, not '100'"),
        ({"id": "openai/x", "tpm": True}, "tpm is a number"),
        ({"id": "openai/x", "rpm": float("nan")}, "rpm is a number"),
        ({"id": "openai/x", "rpm": 10**400}, "rpm is a number"),
        ({"id": "openai/x", "api_base": "http://host\n/v1"}, "a blank or a control character"),
        ({"id": "openai/x", "api_base": "http://host:99999/v1"}, "is no address"),
        ({"id": "openai/x", "params": {"top_p": float("nan")}}, "cannot be sent as JSON"),
        ({"id": "openai/x", "input_cost_per_token": "1"}, "input_cost_per_token is a number"),
        ({"id": "openai/x", "output_cost_per_token": -1}, "must not be negative"),
        ({"id": "openai/x", "params": [1]}, "params is a dict"),
        ({"id": "openai/x", "params": {"stop": {1}}}, "cannot be sent as JSON"),
    ],
)
def test_a_model_that_makes_no_sense(given: dict, says: str) -> None:
    """Each field of a Model is checked where it is written, and a key has no place in it."""
    with pytest.raises(rk.ModelError, match=says):
        rk.Model(**given)


PLANTED = "planted0123456789"


@pytest.mark.parametrize(
    "given",
    [
        {"api_base": f"http://:{PLANTED}@host/v1"},
        {"api_base": f"//user:{PLANTED}@host/v1"},
        {"api_base": f"https://host/v1?api_key={PLANTED}"},
        {"api_base": f"https://host/v1?key={PLANTED}"},
        {"api_base": f"https://host/v1?sig={PLANTED}&api-version=1"},
        {"api_base": f"https://host/sk-{PLANTED}/v1"},
        {"api_base": f"https://host/v1#sk-{PLANTED}"},
        {"api_base": f"sk-{PLANTED}"},
        {"params": {"extra_headers": {"Authorization": PLANTED}}},
        {"params": {"extra_headers": {"Ocp-Apim-Subscription-Key": PLANTED}}},
        {"params": {"extra_body": {"upstream": [{"apiKey": PLANTED}]}}},
        {"params": {"aws_secret_access_key": PLANTED}},
        {"params": {"azure_ad_token": PLANTED}},
        {"params": {"user": f"sk-{PLANTED}"}},
        {"params": {"note": f"Bearer {PLANTED}"}},
        {"params": {f"sk-{PLANTED}": {"token": PLANTED}}},
        {"params": {f"sk-{PLANTED}": 1}},
        {"params": {"api_base": f"https://user:{PLANTED}@host/v1"}},
        {"params": {"extra_headers": {"accessToken": PLANTED}}},
        {"params": {"extra_query": {"key": PLANTED}}},
        {"params": {"user": f"sk-proj-ab-{PLANTED}_x"}},
        {"params": {"user": f"ghp_{PLANTED}"}},
        {"params": {"user": f"github_pat_{PLANTED}"}},
        {"params": {"user": f"glpat-{PLANTED}"}},
        {"params": {"user": f"xoxb-{PLANTED}"}},
        {"params": {"user": f"eyJhbGciOiJI.{PLANTED}.{PLANTED}"}},
    ],
)
def test_a_key_has_no_place_in_a_model(given: dict) -> None:
    """A key in an address or in a parameter, however deep, is refused by an error that does not repeat it."""
    with pytest.raises(rk.ModelError, match=r"key|http://") as caught:
        rk.Model("openai/x", **given)

    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize("params", [{"password": 12345678}, {"extra_body": {"db": {"clientSecret": 42}}}])
def test_a_number_can_be_a_password(params: dict) -> None:
    """What stands under the name of a password is refused as a number too."""
    with pytest.raises(rk.ModelError, match="looks like a key in"):
        rk.Model("openai/x", params=params)


def test_a_secret_of_the_environment_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in a variable for keys is refused whatever it looks like, and under whatever name."""
    monkeypatch.setenv("HOUSE_KEY", "correct horse battery")
    with pytest.raises(rk.ModelError, match="in note"):
        rk.Model("openai/x", params={"note": "correct horse battery"})


def test_what_only_sounds_like_a_key() -> None:
    """Parameters of the usual APIs, and addresses with a version or a place name, are no keys."""
    params = {
        **{"max_tokens": 60, "max_completion_tokens": 60, "logit_bias": {"50256": -100}, "prompt_cache_key": "titles"},
        **{
            "chat_template_kwargs": {"bos_token": "<s>", "eos-token": "</s>"},
            "stop": ["Bearer"],
            "stop_token_ids": [2],
        },
        "response_format": {"json_schema": {"properties": {"token": {"type": "string"}, "password": {}}}},
        "extra_headers": {"HTTP-Referer": "https://example.org", "X-Auth-Key": "os.environ/HOUSE_KEY"},
    }
    params |= {"user": "sk-team-news-desk-2026", "store": True, "metadata": {"desk": "hf-culture", "key": "c minor"}}
    params |= {"secret_mode": False, "note": "eyJournal", "label": "AKIAK 47"}
    params |= {"image_token": "<image>", "think_end_token": "</think>", "secretary": "of state"}
    base = (
        "https://hf-inference.example.org/hf-text-generation-inference-70b/xai-grok-2-mini-openai/v1?api-version=2026"
    )

    assert params == rk.Model("openai/x", api_base=base, params=params).params


def test_a_secret_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """`os.environ/NAME` in a parameter is sent as what the variable holds; no error shows it; unset, none is sent."""
    monkeypatch.setenv("HOUSE_HEADER", "planted horse battery")
    model = {"params": {"extra_headers": {"X-House": "os.environ/HOUSE_HEADER"}}}
    with Loopback() as server:
        house = rk.Model("openai/model-a", api_base=server.base, **model)
        ask(house, params=house.params)
        server.answer = lambda body, nth: Fault(400, "bad header planted horse battery")
        with pytest.raises(rk.CallError, match=r"bad header .key removed."):
            ask(house, params=house.params)
        monkeypatch.delenv("HOUSE_HEADER")
        with pytest.raises(
            rk.CallError, match=r"extra_headers\.X-House: the environment variable HOUSE_HEADER is not set"
        ):
            ask(house, params=house.params)

    sent = [{name.lower(): value for name, value in headers.items()} for headers in server.headers]

    assert ["planted horse battery"] * 2 == [headers["x-house"] for headers in sent]


def test_a_model_survives_the_frame() -> None:
    """The endpoint JSON gives the same model back, under its name."""
    model = rk.Model("openai/x", name="mine", api_base="http://127.0.0.1:1/v1", api_key_env="X", rpm=5)

    assert model == models.from_endpoint(model.endpoint, "mine")
    assert '"rpm": 5' in rk.Model("openai/x", rpm=np.int64(5)).endpoint


@pytest.mark.parametrize("endpoint", ["", "[]", '{"id": "openai/x", "unheard_of": 1}', "[" * 5000])
def test_a_frame_with_another_endpoint(endpoint: str) -> None:
    """An `endpoint` that no Model wrote is a ModelError."""
    with pytest.raises(rk.ModelError, match="endpoint"):
        models.from_endpoint(endpoint, "mine")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "empty"),
        ([3], "not int"),
        (["baseline/prefix", "baseline/prefix"], "two models are called 'baseline/prefix'"),
        (42, "not int"),
    ],
)
def test_models_that_cannot_be_swept(given: object, says: str) -> None:
    """Wrong kinds, none at all, and two of one name are refused."""
    with pytest.raises(rk.ModelError, match=says):
        models.as_models(given)


@pytest.mark.parametrize(
    ("id", "says"),
    [
        ("baseline/nothing", "baseline/lead-compress"),
        ("gpt4-mini", "did you mean"),
        ("nonsense-of-mine", "api_base='http"),
    ],
)
def test_an_unknown_id_is_found_without_a_call(id: str, says: str) -> None:  # noqa: A002
    """An id that LiteLLM cannot place is refused with the nearest ones, or with how to name a server."""
    with pytest.raises(rk.ModelError, match=says):
        servers.check_id(rk.Model(id))


def test_a_missing_key_is_found_before_the_sweep() -> None:
    """The message names the variable to set."""
    with pytest.raises(rk.ModelError, match="OPENAI_API_KEY") as caught:
        models.check_ready([rk.Model("openai/gpt-4o-mini"), rk.Model("anthropic/claude-x", api_key_env="MY_KEY")])
    assert "MY_KEY" in str(caught.value)


@pytest.mark.parametrize(
    "model",
    [
        rk.Model("openai/x", api_base="http://127.0.0.1:1/v1"),
        rk.Model("openai/x", api_base="http://vllm:8000/v1"),
        rk.Model("openai/x", api_base="http://100.64.0.7:8000/v1"),
        rk.Model("hosted_vllm/x", api_base="https://models.example.org/v1"),
        rk.Model("ollama_chat/llama3.2"),
        rk.Model("bedrock/anthropic.claude-3-haiku-20240307-v1:0"),
        rk.Model("vertex_ai/gemini-2.5-flash"),
        rk.Model("baseline/prefix"),
    ],
    ids=lambda model: model.api_base or model.id,
)
def test_who_needs_no_key(model: rk.Model) -> None:
    """Servers nearby, and providers that have other ways to know us, are not refused for want of a key."""
    assert servers.missing_key(model) is None


def test_a_server_that_is_not_there() -> None:
    """Nothing listening at api_base is said before anything is sent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/v1"

    with pytest.raises(rk.ModelError, match=f"nothing answers at {base}"):
        models.check_ready([rk.Model("openai/model-a", api_base=base)])


def test_a_model_that_the_server_does_not_serve() -> None:
    """A local server's own list tells a wrong name, with the nearest right one."""
    with Loopback() as server, pytest.raises(rk.ModelError, match="did you mean 'model-a'"):
        models.check_ready([rk.Model("openai/model-aa", api_base=server.base)])


def test_a_key_that_the_server_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong key is found by asking for the list of models, and is not shown."""
    monkeypatch.setenv("MY_KEY", "wrong-key-123456")
    with Loopback(key="right") as server, pytest.raises(rk.ModelError, match="refuses the key") as caught:
        models.check_ready([rk.Model("openai/model-a", api_base=server.base, api_key_env="MY_KEY")])
    assert "wrong-key" not in str(caught.value)


def test_an_answer() -> None:
    """The request holds what was asked for and nothing else; the reply comes back verbatim, with its tokens."""
    with Loopback(lambda body, nth: " “A title” \n") as server:
        model = rk.Model("openai/model-a", api_base=server.base, input_cost_per_token=1e-3, output_cost_per_token=1e-2)
        reply = ask(model, temperature=0.3, params={"max_tokens": 40})

    assert [{"messages": ASK, "model": "model-a", "temperature": 0.3, "max_tokens": 40}] == server.bodies
    assert models.Reply(" “A title” \n", "stop", 50, 9, pytest.approx(0.14), 0.3) == reply


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"content": ""}, ("", "stop", 50)),
        ({"content": None, "refusal": "I cannot."}, ("I cannot.", "refusal", 50)),
        ({"content": "A", "finish_reason": "length"}, ("A", "length", 50)),
        ({"content": "A", "usage": None}, ("A", "stop", None)),
    ],
)
def test_odd_answers(answer: dict, expected: tuple) -> None:
    """Empty, refused, cut and unmetered answers are told apart; unknown tokens and cost are None, not 0."""
    with Loopback(lambda body, nth: answer) as server:
        reply = ask(rk.Model("openai/model-a", api_base=server.base))

    assert expected == (reply.completion, reply.finish_reason, reply.input_tokens)
    assert reply.cost_usd is None


@pytest.mark.parametrize(
    ("fault", "error_type", "retryable"),
    [
        (Fault(429, "slow down", headers={"retry-after": "3"}), "RateLimitError", True),
        (Fault(429, "You exceeded your quota", "insufficient_quota"), "RateLimitError", False),
        (Fault(500), "InternalServerError", True),
        (Fault(503), "ServiceUnavailableError", True),
        (Fault(400, "temperature must be 1"), "BadRequestError", False),
        (Fault(401, "no"), "AuthenticationError", False),
        (Fault(404, "no such model"), "NotFoundError", False),
        (Fault(how="reset"), "APIConnectionError", True),
        (Fault(how="malformed"), "InternalServerError", True),
        (Fault(how="hang"), "Timeout", True),
    ],
)
def test_faults(fault: Fault, error_type: str, retryable: bool) -> None:
    """Each fault is one request, one CallError of the provider's class, and says whether another try can help."""
    with Loopback(lambda body, nth: fault) as server, pytest.raises(rk.CallError) as caught:
        ask(rk.Model("openai/model-a", api_base=server.base), timeout=0.8)

    assert (error_type, retryable) == (caught.value.error_type, caught.value.retryable)
    assert len(server.bodies) == 1
    assert caught.value.retry_after == (3.0 if "retry-after" in fault.headers else None)


LIMITS = {"x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "1s"}


def test_rate_limit_headers() -> None:
    """A reply and an error both carry what the provider said of its limits, and nothing else of the header."""
    with Loopback(limits=LIMITS | {"x-request-id": "r1"}) as server:
        reply = ask(rk.Model("openai/model-a", api_base=server.base))
        server.answer = lambda body, nth: Fault(429, "slow", headers=LIMITS | {"Retry-After": "2"})
        with pytest.raises(rk.CallError) as caught:
            ask(rk.Model("openai/model-a", api_base=server.base))

    assert reply.headers == LIMITS
    assert LIMITS | {"retry-after": "2"} == caught.value.headers
    assert (429, 2.0) == (caught.value.status, caught.value.retry_after)


def test_retry_after_as_a_date() -> None:
    """A provider may name a moment instead of seconds; what is neither is ignored."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)

    assert models._retry_after({"retry-after": soon}) == pytest.approx(30, abs=2)
    assert models._retry_after({"retry-after": "soon"}) is None


@pytest.mark.parametrize("id", ["openai/model-a", "hosted_vllm/model-a"])
@pytest.mark.parametrize("status", [400, 402, 403, 404, 408, 422, 429, 500, 502, 503, 529])
def test_an_error_is_what_the_provider_said(id: str, status: int) -> None:  # noqa: A002
    """The text of an error is the provider's own, without LiteLLM's class names and JSON around it."""
    with Loopback(lambda body, nth: Fault(status, "It is raining.")) as server, pytest.raises(rk.CallError) as caught:
        ask(rk.Model(id, api_base=server.base))

    assert "It is raining." == str(caught.value)


def test_what_else_an_error_says() -> None:
    """The parameter and the code that a provider names beside its message are kept, and an empty answer is told."""
    error = {"error": {"message": "No.", "param": "seed", "code": "unsupported_value"}}
    for answer, expected in (
        (Raw(error, 400), "No. (seed, unsupported_value)"),
        (Raw(b"", 500), "no reason was given"),
    ):
        with Loopback(lambda body, nth, answer=answer: answer) as server, pytest.raises(rk.CallError) as caught:
            ask(rk.Model("hosted_vllm/model-a", api_base=server.base))

        assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "model", "says"),
    [
        ({"MY_KEY": "wrong-key-123456"}, {"api_key_env": "MY_KEY"}, "the key in MY_KEY was sent"),
        ({"OPENAI_API_KEY": "wrong-key-123456"}, {}, "the key in OPENAI_API_KEY was sent"),
        ({}, {}, "OPENAI_API_KEY is not set, so no key was sent"),
    ],
)
def test_a_refused_key_is_named(variables: dict, model: dict, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 401 tells which variable the key came from, and not the key."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Loopback(key="right") as server, pytest.raises(rk.CallError, match=says) as caught:
        ask(rk.Model("openai/model-a", api_base=server.base, **model))

    assert "123456" not in str(caught.value)


def test_no_key_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that repeats the key in its message does not get it into ours."""
    monkeypatch.setenv("MY_SERVER_KEY", "sk-very-secret-0123456789")
    with Loopback(key="another") as server, pytest.raises(rk.CallError) as caught:
        ask(rk.Model("openai/model-a", api_base=server.base, api_key_env="MY_SERVER_KEY"))

    assert "[key removed]" in str(caught.value)
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["key sk-abc123def456 bad", "Bearer abcdef.123", "AIzaSyA1234567890abcdefghijk"])
def test_what_looks_like_a_key_is_removed(text: str) -> None:
    """Keys that are in no variable of ours are known by their look."""
    assert "[key removed]" in keys.redact(text)
    assert not {"abc123def456", "abcdef", "AIzaSy"} & set(keys.redact(text).replace(".", " ").split())


def test_the_baselines_answer_through_litellm_too() -> None:
    """`litellm.completion("baseline/…")` gives what `complete` gives: one door, with or without us."""
    litellm = models._litellm()
    for name in BASELINES:
        direct = ask(rk.Model(name), temperature=0.7, params={"seed": 0}, repeat=5)
        through = litellm.completion(model=name, messages=ASK, temperature=0.7, seed=5)

        assert direct.completion == through.choices[0].message.content


def test_what_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Embedded models, a running server's models and a keyed provider's can be used; the rest say what they lack."""
    monkeypatch.setenv("GROQ_API_KEY", "not-a-real-key")
    with Loopback() as server:
        table = rk.available_models([server.base])
    usable = table[table.usable]

    assert {*BASELINES, "openai/model-a", "openai/model-b"} <= set(usable.model)
    assert usable[usable.model.str.startswith("groq/")].input_usd_per_mtok.notna().all()
    assert set(usable[usable.model.str.startswith(("groq/", "openai/model"))].path) == {"direct"}
    assert "OPENAI_API_KEY" in table[table.model == "openai/…"].note.item()
    assert [] == server.bodies


CONFIG = """
model_list:
  - model_name: small
    litellm_params:
      model: openai/gpt-4o-mini
      api_base: http://127.0.0.1:4000/v1
      api_key: os.environ/PROXY_KEY
      rpm: 60
      temperature: 0.2
      max_tokens: 50
  - model_name: house
    litellm_params: {model: hosted_vllm/qwen}
    model_info: {input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}
router_settings: {num_retries: 3}
"""


def test_a_litellm_config(tmp_path: Path) -> None:
    """The model_list of LiteLLM's proxy is read with its addresses, key names, caps, prices and parameters."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    found = rk.load_models(tmp_path / "config.yaml")
    small = rk.Model(
        "openai/gpt-4o-mini",
        name="small",
        api_base="http://127.0.0.1:4000/v1",
        api_key_env="PROXY_KEY",
        rpm=60,
        params={"temperature": 0.2, "max_tokens": 50},
    )

    assert ["small", "house"] == list(found)
    assert small == found["small"]
    assert (1e-6, 2e-6) == prices.prices(found["house"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model_list: [", "not YAML"),
        ("[]", "no `model_list:`"),
        ("model_list: [{model_name: a}]", r"model_list\[0\]: expected model_name"),
        ("model_list: [{model_name: a, litellm_params: {model: openai/a, api_key: sk-123}}]", "os.environ/NAME"),
        ("model_list: [{model_name: a, litellm_params: {model: x/a, api_base: os.environ/NOT_SET}}]", "NOT_SET"),
        ("model_list: [{litellm_params: {model: openai/a}, model_info: [1]}]", "model_info is a mapping"),
        ("model_list: [{litellm_params: {model: openai/a, rpm: '9'}}]", "rpm is a number"),
        ("model_list: [{litellm_params: {model: bedrock/a, aws_secret_access_key: x}}]", "in aws_secret_access_key"),
        ("model_list: [{litellm_params: {model: azure/a, azure_ad_token: x}}]", "in azure_ad_token"),
        ("[" * 20_000, "nested too deeply"),
        (
            json.dumps({"model_list": [{"model_name": "a", "litellm_params": {"model": "openai/a"}}] * 2}),
            r"model_list\[1\]: model_name 'a' stands there twice",
        ),
    ],
)
def test_a_config_that_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    """Each problem of a config file is told with its entry."""
    (tmp_path / "config.yaml").write_text(text)

    with pytest.raises(rk.ModelError, match=says):
        rk.load_models(tmp_path / "config.yaml")


def test_a_config_that_is_not_there(tmp_path: Path) -> None:
    """A wrong path is a ModelError that names it."""
    with pytest.raises(rk.ModelError, match=r"nowhere\.yaml"):
        rk.load_models(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (rk.Model("baseline/prefix"), (0.0, 0.0)),
        (rk.Model("openai/gpt-4o-mini"), (1.5e-07, 6e-07)),
        (rk.Model("openai/no-such-model"), None),
        (rk.Model("openai/gpt-4o-mini", input_cost_per_token=1.0, output_cost_per_token=2.0), (1.0, 2.0)),
        (rk.Model("dashscope/qwen-flash"), (5e-08, 4e-07)),  # in tiers
        (rk.Model("dashscope/qwen3-max-preview"), (1.2e-06, 6e-06)),
    ],
)
def test_prices(model: rk.Model, expected: tuple | None) -> None:
    """Prices come from the Model, else from LiteLLM's map; an unknown price is None."""
    assert expected == prices.prices(model)


@pytest.mark.parametrize(
    ("id", "tokens", "params", "expected"),
    [
        ("gemini/gemini-2.5-pro", 200_000, {}, (1.25e-06, 1e-05)),
        ("gemini/gemini-2.5-pro", 200_001, {}, (2.5e-06, 1.5e-05)),
        ("gemini/gemini-2.5-pro", 1_000, {"service_tier": "priority"}, (2.25e-06, 1.8e-05)),
        ("dashscope/qwen-flash", 256_000, {}, (5e-08, 4e-07)),
        ("dashscope/qwen-flash", 256_001, {}, (2.5e-07, 2e-06)),
        ("dashscope/qwen-plus-2025-07-28", 1_000, {}, (4e-07, 4e-06)),  # when it thinks
        ("dashscope/qwen3-max-preview", 32_000, {}, (1.2e-06, 6e-06)),
        ("dashscope/qwen3-max-preview", 32_001, {}, (2.4e-06, 1.2e-05)),
        ("dashscope/qwen3-max-preview", 128_001, {}, (3e-06, 1.5e-05)),
        ("openai/no-such-model", 1_000, {}, None),
        ("baseline/prefix", 10**6, {}, (0.0, 0.0)),
    ],
)
def test_the_highest_price(id: str, tokens: int, params: dict, expected: tuple | None) -> None:  # noqa: A002
    """A budget sets aside what a long request, a thinking model or a service tier may cost."""
    assert expected == prices.highest_prices(rk.Model(id), tokens, params)


@pytest.mark.parametrize(("cut", "says"), [("/v1", "most servers want http.*/v1]"), ("", "no such page$")])
def test_an_address_without_its_version(cut: str, says: str) -> None:
    """A 404 of an address that lacks its /v1 says so; one of another address does not."""
    with Loopback(lambda body, nth: Fault(404, "no such page")) as server:
        model = rk.Model("openai/x", api_base=server.base.removesuffix(cut))
        with pytest.raises(CallError, match=says):
            asyncio.run(models.complete(model, [{"role": "user", "content": "x"}]))
