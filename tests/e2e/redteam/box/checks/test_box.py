from labctl.grading import check, weakness


@weakness("empty")
def test_empty(workspace):
    assert not workspace.exists("word"), "it is there already"


@check("runs", points=1, hint="It runs from the start.")
def test_runs(kernel):
    "The box runs"
    assert kernel.process("box").comm, "the box does not run"


@check("word", points=2, hint="The word is a seeded fact.")
def test_word(workspace, facts):
    "The file holds the word"
    assert workspace.read("word").strip() == facts["word"], "the file does not hold the word"
