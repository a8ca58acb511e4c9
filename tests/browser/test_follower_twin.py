"""The page follows channels by the same rules as touchline.client."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selenium import webdriver
from touchline.client.events import Changed, Shown
from touchline.client.follower import Follower
from touchline.client.messages import Ack, Message, Refusal, Snapshot, Update

from tests.running import Up

CHANNELS = ("price:7", "price:*", "fixture:9", "portfolio")
#: Hears each message on a connection, resumes on another, and tells of all it showed and asked.
PLAY = """
const [wanted, messages, done] = arguments;
import("/web/follower.js").then(({ Follower }) => {
  const follower = new Follower(wanted);
  const told = [["asked", follower.opening()]];
  for (const message of messages) {
    if (message === "reconnect" || message.op === "leave") {
      const { channel } = message;
      told.push(["asked", channel ? follower.leave([channel]) : follower.opening()]);
      continue;
    }
    const { show, ask } = follower.hear(message);
    told.push(["shown", show.map((frame) => [frame.channel, frame.seq])], ["asked", ask]);
  }
  done(JSON.stringify(told));
});
"""


class Leave(msgspec.Struct, tag_field="op", tag="leave", frozen=True):
    """The user leaves a channel."""

    channel: str


numbers = st.integers(min_value=1, max_value=5)
channels = st.sampled_from(("price:7", "price:8", "fixture:9", "portfolio"))
MESSAGES = st.one_of(
    st.just("reconnect"),
    st.builds(Leave, st.sampled_from(CHANNELS)),
    st.builds(Snapshot, channels, st.integers(1, 3), numbers, st.just({})),
    st.builds(Update, channels, numbers, st.just({}), st.none()),
    st.builds(
        lambda number, channel: Ack(number, ok=False, error=Refusal("CHANNEL_UNKNOWN", channel)),
        st.integers(1, 6),
        st.sampled_from(("fixture:9", "price:7")),
    ),
)


def python_tells(messages: list[Message | Leave | str]) -> list[Any]:
    follower = Follower(dict.fromkeys(CHANNELS, True))
    told: list[Any] = [["asked", follower.opening()]]
    for message in messages:
        if isinstance(message, str):
            told.append(["asked", follower.opening()])
            continue
        if isinstance(message, Leave):
            told.append(["asked", follower.leave([message.channel])])
            continue
        heard = follower.hear(message)
        shown = [[e.channel, e.seq] for e in heard.events if isinstance(e, Shown | Changed)]
        told += [["shown", shown], ["asked", list(heard.requests)]]
    return told


@pytest.fixture
def page(up: Up, browser: webdriver.Chrome) -> webdriver.Chrome:
    browser.get(up.api)
    browser.set_script_timeout(30)
    return browser


@settings(max_examples=200)
@given(messages=st.lists(MESSAGES, max_size=15))
def test_the_page_shows_and_asks_what_the_client_does(
    page: webdriver.Chrome, messages: list[Message | Leave | str]
) -> None:
    plain = [msgspec.to_builtins(message) for message in messages]

    told = json.loads(page.execute_async_script(PLAY, list(CHANNELS), plain))

    assert told == python_tells(messages)
