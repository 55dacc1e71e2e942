"""Reading what the machine is."""

from labctl.host import machine


def test_derivatives_of_debian_count_as_debian(tmp_path):
    file = tmp_path / "os-release"
    file.write_text('NAME="Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n')
    found = machine._distributions(file)
    assert found == ("linuxmint", "ubuntu", "debian")
    assert machine.Machine("linux", found).debian


def test_a_missing_sys_resource_is_seen(tmp_path):
    file = tmp_path / "status"
    for value, lacks in (("000001fffeffffff", True), ("000001ffffffffff", False)):
        file.write_text(f"Name:\tx\nCapBnd:\t{value}\n")
        m = machine.Machine("linux", capabilities=machine._bounding_set(file))
        assert m.lacks_sys_resource is lacks


def test_elsewhere_nothing_is_assumed_missing(tmp_path):
    assert machine._distributions(tmp_path / "none") == ()
    assert not machine.Machine("darwin").lacks_sys_resource
