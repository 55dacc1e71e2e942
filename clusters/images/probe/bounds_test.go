package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// machine starts a process in a PID namespace of its own, as a machine's first one is.
func machine(t *testing.T) int {
	t.Helper()
	command := exec.Command("sleep", "60")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := command.Start(); err != nil {
		t.Skipf("no right to make namespaces: %v", err)
	}
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	return command.Process.Pid
}

func TestBoundsKeepToTheMachines(t *testing.T) {
	inside, other := machine(t), machine(t)
	limited := parseBounds(fmt.Sprint(inside)).limit(operations)
	got := talkTo(t, limited,
		fmt.Sprintf(`{"id":1,"op":"process","args":{"pid":%d}}`, inside),
		fmt.Sprintf(`{"id":2,"op":"process","args":{"pid":%d}}`, other),
		fmt.Sprintf(`{"id":3,"op":"process","args":{"pid":%d}}`, os.Getpid()),
		`{"id":4,"op":"read","args":{"pid":1,"path":"/etc/shadow","max":1000}}`,
		`{"id":5,"op":"exec","args":{"pid":1,"argv":["id"],"max_output":100}}`,
		fmt.Sprintf(`{"id":6,"op":"process","args":{"PID":1,"pid":%d,"Pid":%d}}`, inside, os.Getpid()),
		fmt.Sprintf(`{"id":7,"op":"process","args":{"PID":%d,"pid":%d,"PiD":%d}}`, os.Getpid(), os.Getpid(), inside),
		`{"id":8,"op":"watch","args":{}}`,
		`{"id":9,"op":"ps","args":{}}`,
		`{"id":10,"op":"host","args":{}}`,
	)
	for _, id := range []uint64{1, 7, 10} {
		if got[id].Error != nil {
			t.Errorf("request %d was refused: %v", id, got[id].Error)
		}
	}
	for _, id := range []uint64{2, 3, 4, 5, 6, 8, 9} {
		if got[id].Error == nil {
			t.Errorf("request %d was answered: %v", id, got[id].OK)
		}
	}
	if shown := fmt.Sprint(got[7].OK); !strings.Contains(shown, fmt.Sprintf("pid:%d ", inside)) {
		t.Errorf("request 7 told of another process: %s", shown)
	}
}

func TestBoundsOfNoMachineHoldNothing(t *testing.T) {
	for _, list := range []string{"", "0", "x", fmt.Sprint(os.Getpid()), "4194303"} {
		if homes := parseBounds(list); len(homes) != 0 || homes.hold(os.Getpid()) {
			t.Errorf("%q gives %v", list, homes)
		}
	}
}

func TestBoundsLeaveOutContainersOfOthers(t *testing.T) {
	inside, other := machine(t), machine(t)
	homes := parseBounds(fmt.Sprint(inside))
	found := &findReply{Found: map[string]*process{"a": {Pid: inside}, "b": {Pid: other}}}
	limited := homes.limit(map[string]operation{"find": func(ctx context.Context, raw json.RawMessage) (any, error) { return found, nil }})
	if _, err := limited["find"](nil, nil); err != nil || found.Found["a"] == nil || found.Found["b"] != nil {
		t.Errorf("found %v, %v", found.Found, err)
	}
}
