"""A mind that makes the moves it is told, over real tools, guard and handlers."""

from collections.abc import Iterator

from agent.minds.mind import Call, Calls, Conversation, Move, Say, Writing


class ScriptedMind:
    """Plays its moves in order, one a call; says "done" when they are used up."""

    def __init__(self, *moves: Move) -> None:
        self.moves = list(moves)
        self.seen: list[Conversation] = []

    def next(self, conversation: Conversation) -> Iterator[Writing | Move]:
        self.seen.append(conversation)
        yield self.moves.pop(0) if self.moves else Say(text="done")


def calling(tool: str, **arguments: object) -> Calls:
    """The move that calls one tool."""
    return Calls(calls=(Call(id=f"call-{tool}", tool=tool, arguments=arguments),), reading=f"call {tool}")
