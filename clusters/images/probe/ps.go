package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const maxArgv = 4096 // bytes of a command line that are shown

// nsGetParent is NS_GET_PARENT of linux/nsfs.h.
const nsGetParent = 0xb702

var namespaceNames = []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}

type process struct {
	Pid        int               `json:"pid"`
	Ppid       int               `json:"ppid"`
	NSpid      []int             `json:"nspid"`
	Comm       string            `json:"comm"`
	Exe        string            `json:"exe"`
	Argv       []string          `json:"argv"`
	Uids       [4]int            `json:"uids"` // real, effective, saved, file system
	Gids       [4]int            `json:"gids"`
	CapInh     uint64            `json:"cap_inh"`
	CapPrm     uint64            `json:"cap_prm"`
	CapEff     uint64            `json:"cap_eff"`
	CapBnd     uint64            `json:"cap_bnd"`
	CapAmb     uint64            `json:"cap_amb"`
	NoNewPrivs bool              `json:"no_new_privs"`
	Seccomp    int               `json:"seccomp"`
	Namespaces map[string]uint64 `json:"namespaces"`
	UIDMap     [][3]int64        `json:"uid_map"`
	GIDMap     [][3]int64        `json:"gid_map"`
	Cgroup     []string          `json:"cgroup"`
	Start      uint64            `json:"start"`
	State      string            `json:"state"`
}

type statusFile struct {
	nspid                                  []int
	uids, gids                             [4]int
	capInh, capPrm, capEff, capBnd, capAmb uint64
	noNewPrivs                             bool
	seccomp                                int
}

func readStatus(pid int) (statusFile, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return statusFile{}, err
	}
	return parseStatus(string(raw)), nil
}

func parseStatus(text string) statusFile {
	var s statusFile
	hex := func(v string) uint64 { n, _ := strconv.ParseUint(v, 16, 64); return n }
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch name {
		case "NSpid":
			s.nspid = numbers(value)
		case "Uid":
			copy(s.uids[:], numbers(value))
		case "Gid":
			copy(s.gids[:], numbers(value))
		case "CapInh":
			s.capInh = hex(value)
		case "CapPrm":
			s.capPrm = hex(value)
		case "CapEff":
			s.capEff = hex(value)
		case "CapBnd":
			s.capBnd = hex(value)
		case "CapAmb":
			s.capAmb = hex(value)
		case "NoNewPrivs":
			s.noNewPrivs = value == "1"
		case "Seccomp":
			s.seccomp, _ = strconv.Atoi(value)
		}
	}
	return s
}

func numbers(text string) []int {
	var all []int
	for field := range strings.FieldsSeq(text) {
		if n, err := strconv.Atoi(field); err == nil {
			all = append(all, n)
		}
	}
	return all
}

type idArgs struct {
	target
}

func oneProcess(_ context.Context, args idArgs) (*process, error) {
	if err := args.check(); err != nil {
		return nil, err
	}
	return readProcess(args.Pid)
}

type processList struct {
	Processes []*process `json:"processes"`
	Paused    bool       `json:"paused"`
}

// listProcesses finds every process in the target's PID namespace and in those below it.
func listProcesses(_ context.Context, args idArgs) (*processList, error) {
	pids, err := family(args.target)
	if err != nil {
		return nil, err
	}
	list := &processList{Processes: []*process{}, Paused: frozen(args.Pid)}
	for _, pid := range pids {
		if p, err := readProcess(pid); err == nil { // else it ended meanwhile
			list.Processes = append(list.Processes, p)
		}
	}
	sort.Slice(list.Processes, func(i, j int) bool {
		a, b := list.Processes[i], list.Processes[j]
		return a.Start < b.Start || a.Start == b.Start && a.Pid < b.Pid
	})
	return list, nil
}

// family: the PIDs in the target's PID namespace and its descendants. The kernel keeps that
// ancestry; no process can leave it.
func family(t target) ([]int, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	home, err := namespaceID(t.Pid, "pid")
	if err != nil {
		return nil, goneOr(err)
	}
	all, err := allPids()
	if err != nil {
		return nil, err
	}
	within := map[uint64]bool{home: true}
	var members []int
	for _, pid := range all {
		id, err := namespaceID(pid, "pid")
		if err != nil {
			continue
		}
		known, seen := within[id]
		if !seen {
			known = descends(pid, home)
			within[id] = known
		}
		if known {
			members = append(members, pid)
		}
	}
	return members, t.check()
}

func namespaceID(pid int, name string) (uint64, error) {
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
	if err != nil {
		return 0, err
	}
	return parseNamespace(link)
}

// parseNamespace reads a link such as "pid:[4026531836]".
func parseNamespace(link string) (uint64, error) {
	_, rest, found := strings.Cut(link, ":[")
	if !found {
		return 0, fmt.Errorf("malformed namespace %q", link)
	}
	return strconv.ParseUint(strings.TrimSuffix(rest, "]"), 10, 64)
}

// descends tells whether the PID namespace of a process lies below another one.
func descends(pid int, ancestor uint64) bool {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/pid", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for err == nil {
		var info unix.Stat_t
		if err := unix.Fstat(fd, &info); err == nil && info.Ino == ancestor {
			unix.Close(fd)
			return true
		}
		parent, parentErr := unix.IoctlRetInt(fd, nsGetParent)
		unix.Close(fd)
		fd, err = parent, parentErr
	}
	return false
}

func readProcess(pid int) (*process, error) {
	stat, err := readStat(pid)
	if err != nil {
		return nil, goneOr(err)
	}
	status, err := readStatus(pid)
	if err != nil {
		return nil, goneOr(err)
	}
	base := "/proc/" + strconv.Itoa(pid) + "/"
	p := &process{
		Pid: pid, Ppid: stat.Ppid, Comm: stat.Comm, Start: stat.Start, State: stat.State,
		NSpid: status.nspid, Uids: status.uids, Gids: status.gids,
		CapInh: status.capInh, CapPrm: status.capPrm, CapEff: status.capEff,
		CapBnd: status.capBnd, CapAmb: status.capAmb,
		NoNewPrivs: status.noNewPrivs, Seccomp: status.seccomp,
		Argv: []string{}, Namespaces: map[string]uint64{},
		UIDMap: readMap(base + "uid_map"), GIDMap: readMap(base + "gid_map"),
		Cgroup: readLines(base + "cgroup"),
	}
	p.Exe, _ = os.Readlink(base + "exe")
	p.Argv = readArgv(base + "cmdline")
	for _, name := range namespaceNames {
		if id, err := namespaceID(pid, name); err == nil {
			p.Namespaces[name] = id
		}
	}
	if again, err := readStat(pid); err != nil || again.Start != stat.Start {
		return nil, fail("gone", "process %d is gone", pid)
	}
	return p, nil
}

func readArgv(path string) []string {
	file, err := os.Open(path)
	if err != nil {
		return []string{}
	}
	defer file.Close()
	raw := make([]byte, maxArgv)
	n, _ := file.Read(raw)
	raw = bytes.TrimRight(raw[:n], "\x00")
	if len(raw) == 0 {
		return []string{}
	}
	return strings.Split(string(raw), "\x00")
}

func readLines(path string) []string {
	raw, err := os.ReadFile(path)
	if err != nil || len(raw) == 0 {
		return []string{}
	}
	return strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
}

// readMap reads a uid_map or gid_map: lines of inside, outside, count.
func readMap(path string) [][3]int64 {
	ranges := [][3]int64{}
	for _, line := range readLines(path) {
		var r [3]int64
		if n, _ := fmt.Sscan(line, &r[0], &r[1], &r[2]); n == 3 {
			ranges = append(ranges, r)
		}
	}
	return ranges
}
