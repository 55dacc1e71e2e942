package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseStatOfAProcessWithAnEvilName(t *testing.T) {
	line := "42 (a) R 1 (b)) S 7 42 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 99 88"
	got, err := parseStat([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	want := stat{Ppid: 7, Session: 9, State: "S", Start: 123456, Comm: "a) R 1 (b)"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, bad := range []string{"", "42 (x", "42 (x) S 1"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestParseStatus(t *testing.T) {
	text := "Name:\tsh\nUid:\t1000\t1001\t1002\t1003\nGid:\t1\t2\t3\t4\nNSpid:\t900\t7\t1\n" +
		"CapEff:\t00000000a80425fb\nNoNewPrivs:\t1\nSeccomp:\t2\n"
	got := parseStatus(text)
	want := statusFile{
		nspid: []int{900, 7, 1}, uids: [4]int{1000, 1001, 1002, 1003}, gids: [4]int{1, 2, 3, 4},
		capEff: 0xa80425fb, noNewPrivs: true, seccomp: 2,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestParseNamespace(t *testing.T) {
	if id, err := parseNamespace("pid:[4026531836]"); err != nil || id != 4026531836 {
		t.Errorf("got %d, %v", id, err)
	}
	if _, err := parseNamespace("/etc/passwd"); err == nil {
		t.Error("a path was taken for a namespace")
	}
}

func TestParseSockets(t *testing.T) {
	tcp := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 555 1
   1: 0100007F:1F91 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 556 1
`
	want := []listener{{Proto: "tcp", Address: "127.0.0.1", Port: 8080, Inode: 555}}
	if got := parseSockets(tcp, "tcp"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	udp := "  10: 00000000000000000000000001000000:0035 0:0 07 0:0 00:0 0  0  0 77 2\n"
	want = []listener{{Proto: "udp", Address: "::1", Port: 53, Inode: 77}}
	if got := parseSockets(udp, "udp"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestParseMounts(t *testing.T) {
	line := `36 35 98:0 /sub\040dir /mnt\040x rw,noatime master:1 - ext3 /dev/root rw,errors=continue` + "\n"
	want := []mount{{
		Root: "/sub dir", Place: "/mnt x", Options: []string{"rw", "noatime"},
		Type: "ext3", Source: "/dev/root", Device: "98:0",
		Super: []string{"rw", "errors=continue"},
	}}
	if got := parseMounts(line); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestInnermostContainer(t *testing.T) {
	outer, inner := strings.Repeat("a", 64), strings.Repeat("b", 64)
	ids := []string{outer, inner}
	nested := "0::/docker/" + outer + "/kubelet.slice/cri-containerd-" + inner + ".scope\n"
	if got := innermost(nested, ids); got != inner {
		t.Errorf("got %q", got)
	}
	if got := innermost("0::/docker/"+outer+"\n", ids); got != outer {
		t.Errorf("got %q", got)
	}
	if got := innermost("0::/init.scope\n", ids); got != "" {
		t.Errorf("got %q", got)
	}
}

// tree writes files below a new folder that stands for /sys/fs/cgroup.
func tree(t *testing.T, files map[string]string) {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := cgroupRoot
	cgroupRoot = root
	t.Cleanup(func() { cgroupRoot = before })
}

func measure(g group, controller, top string) (own, effective limits, used usage) {
	own.tighten(g, controller)
	used.read(g, controller)
	for _, above := range g.upward(top) {
		effective.tighten(above, controller)
	}
	return own, effective, used
}

func TestCgroupVersion1(t *testing.T) {
	tree(t, map[string]string{
		"memory/memory.limit_in_bytes":               "9223372036854771712",
		"memory/docker/memory.limit_in_bytes":        "1000",
		"memory/docker/TOP/memory.limit_in_bytes":    "5000",
		"memory/docker/TOP/in/memory.limit_in_bytes": "9223372036854771712",
		"memory/docker/TOP/in/memory.oom_control":    "oom_kill_disable 0\nunder_oom 0\noom_kill 3",
		"cpu,cpuacct/a/cpu.cfs_quota_us":             "-1",
		"cpu,cpuacct/a/cpu.cfs_period_us":            "100000",
		"cpu,cpuacct/a/cpu.stat":                     "nr_periods 9\nnr_throttled 4\nthrottled_time 5000000",
		"blkio/a/blkio.throttle.read_bps_device":     "8:0 1048576",
		"blkio/a/blkio.throttle.write_iops_device":   "8:0 50",
	})
	lines := []string{"5:cpu,cpuacct:/a", "4:memory:/docker/TOP/in", "3:blkio:/a", "0::/"}
	memory, _ := findGroup(lines, "memory")
	own, effective, used := measure(memory, "memory", "TOP")
	if own.MemoryMax != nil || *effective.MemoryMax != 5000 || *used.OOMKills != 3 {
		t.Errorf("memory: %+v %+v %+v", own, effective, used)
	}
	cpu, found := findGroup(lines, "cpu")
	own, _, used = measure(cpu, "cpu", "")
	if !found || own.CPUQuotaUs != nil || *used.NrThrottled != 4 || *used.ThrottledUs != 5000 {
		t.Errorf("cpu: %+v %+v", own, used)
	}
	if blockController(lines) != "blkio" {
		t.Error("the I/O controller was not found")
	}
	block, _ := findGroup(lines, "blkio")
	_, effective, _ = measure(block, "blkio", "")
	if len(effective.IO) != 1 || *effective.IO[0].Rbps != 1048576 || *effective.IO[0].Wiops != 50 {
		t.Errorf("io: %+v", effective.IO)
	}
}

func TestCgroupVersion2(t *testing.T) {
	tree(t, map[string]string{
		"TOP.scope/memory.max":     "5000",
		"TOP.scope/cpu.max":        "200000 100000",
		"TOP.scope/io.max":         "8:0 rbps=2000 wbps=max riops=max wiops=max",
		"TOP.scope/in/memory.max":  "max",
		"TOP.scope/in/cpu.max":     "50000 100000",
		"TOP.scope/in/cpu.stat":    "usage_usec 1\nnr_throttled 2\nthrottled_usec 3",
		"TOP.scope/in/io.max":      "8:0 rbps=9000 wbps=max riops=max wiops=120",
		"TOP.scope/in/pids.max":    "12",
		"TOP.scope/in/pids.events": "max 6",
	})
	g := group{2, cgroupRoot, "/TOP.scope/in"}
	own, effective, _ := measure(g, "memory", "TOP")
	if own.MemoryMax != nil || *effective.MemoryMax != 5000 {
		t.Errorf("memory: %+v %+v", own, effective)
	}
	_, effective, used := measure(g, "cpu", "TOP")
	if *effective.CPUQuotaUs != 50000 || *used.NrThrottled != 2 || *used.ThrottledUs != 3 {
		t.Errorf("cpu: %+v %+v", effective, used)
	}
	_, effective, _ = measure(g, "io", "TOP")
	if *effective.IO[0].Rbps != 2000 || *effective.IO[0].Wiops != 120 || effective.IO[0].Wbps != nil {
		t.Errorf("io: %+v", effective.IO)
	}
	own, _, used = measure(g, "pids", "TOP")
	if *own.PidsMax != 12 || *used.PidsFailures != 6 {
		t.Errorf("pids: %+v %+v", own, used)
	}
}

func TestHides(t *testing.T) {
	open := "10 1 0:5 / /proc rw,nosuid - proc proc rw\n"
	veiled := "11 10 0:6 / /proc rw,nosuid - proc proc rw,hidepid=invisible\n"
	partial := "12 10 0:7 / /proc rw - proc proc rw,gid=5,subset=pid\n"
	for text, want := range map[string]string{
		open: "", open + veiled: "hidepid=invisible", veiled + open: "", open + partial: "subset=pid",
		open + "13 1 0:8 / /elsewhere rw - proc proc rw,hidepid=invisible\n": "",
	} {
		if got := hides(text); got != want {
			t.Errorf("got %q for %q", got, text)
		}
	}
}
