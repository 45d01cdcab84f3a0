"""The life of an answer, from the question to the saved end."""

from __future__ import annotations

from accounts.models import User
from chat import conversation
from chat.database import in_thread
from chat.follow import follow
from chat.models import Interaction, ResponseChunk
from chat.process import ChatProcess

from tests.support.stub_tgi import StubTgi


async def finished(process: ChatProcess, interaction: Interaction) -> Interaction:
    async for update in follow(process, interaction.pk):
        if update.finished is not None:
            return update.finished
    raise AssertionError("the answer has not ended")


async def ask(process: ChatProcess, owner: User, query: str = "Hi", **more: object) -> Interaction:
    return await in_thread(conversation.ask, owner=owner, query=query, **more)  # type: ignore[arg-type]


async def test_an_answer_is_saved_whole_and_its_log_is_cleared(process: ChatProcess, owner: User, stub: StubTgi):
    asked = await ask(process, owner)
    await finished(process, asked)
    saved = await in_thread(Interaction.objects.get, pk=asked.pk)
    assert (saved.status, saved.final_response_text) == ("complete", "Hello, world.")
    assert (saved.prompt_tokens, saved.generated_tokens, saved.finish_reason) == (7, 4, "stop")
    assert saved.lease_owner == ""
    assert await in_thread(ResponseChunk.objects.count) == 0
