from labctl.grading import check, weakness

@check("cpu", points=2, hint="x")
def test_cpu(kernel):
    "x"
    assert 0

@weakness("w")
def test_weak(kernel):
    "w"
