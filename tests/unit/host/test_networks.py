"""Address ranges of the engine that hide what the machine has to reach."""

from ipaddress import IPv4Address, IPv4Network

from labctl.host import networks

TABLE = """Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0
eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0
docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0
"""
LAN = {"eth0": [IPv4Network("192.0.2.0/24")]}
POOLS = networks.pools({})


def test_the_machines_own_routes_are_read_without_the_default_and_the_engines():
    assert networks.routes(TABLE) == LAN


def test_pools_are_the_engines_own_or_dockers():
    own = networks.pools({"DefaultAddressPools": [{"Base": "198.19.0.0/16", "Size": 26}]})
    assert own == ((IPv4Network("198.19.0.0/16"), 26),)
    assert networks.room(own) == 1024
    assert networks.room(POOLS) == 31


def test_a_network_over_the_machines_own_is_a_clash():
    used = {"good": IPv4Network("172.18.0.0/16"), "bad": IPv4Network("192.0.0.0/16")}
    assert networks.clashes(used, POOLS, LAN, []) == [
        "network bad (192.0.0.0/16) overlaps 192.0.2.0/24 on eth0"
    ]


def test_a_name_server_in_a_pool_is_a_clash_unless_a_route_leads_there():
    server = IPv4Address("172.20.0.53")
    assert networks.clashes({}, POOLS, LAN, [server]) == [
        "pool 172.20.0.0/16 hides the name server 172.20.0.53"
    ]
    # The engine keeps away from routes by itself.
    direct = {"eth0": [IPv4Network("172.20.0.0/24")]}
    assert networks.clashes({}, POOLS, direct, [server]) == []


def test_name_servers_on_the_machine_itself_do_not_count(tmp_path):
    file = tmp_path / "resolv.conf"
    file.write_text("search x\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver ::1\n")
    assert networks.resolvers(file) == [IPv4Address("192.0.2.1")]
