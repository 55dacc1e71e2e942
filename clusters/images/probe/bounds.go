package main

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
)

// bounds are the PID namespaces of the machines that a run of the probe may be asked about. The
// probe sees every process of the host, and the checks of a lab from elsewhere must not.
type bounds map[uint64]bool

// parseBounds reads the host's numbers of the machines' first processes, separated by commas.
func parseBounds(list string) bounds {
	homes := bounds{}
	own, err := namespaceID(os.Getpid(), "pid")
	if err != nil {
		return homes
	}
	for _, field := range strings.Split(list, ",") {
		pid, err := strconv.Atoi(field)
		if err != nil || pid <= 0 {
			continue
		}
		// A machine that has ended has no number; the host's own namespace is never one's.
		if home, err := namespaceID(pid, "pid"); err == nil && home != own {
			homes[home] = true
		}
	}
	return homes
}

// hold tells whether a process lives in one of the machines.
func (b bounds) hold(pid int) bool {
	for home := range b {
		if descends(pid, home) {
			return true
		}
	}
	return false
}

// limit gives the operations of such a run: on targets within, or on nothing at all.
func (b bounds) limit(all map[string]operation) map[string]operation {
	limited := map[string]operation{}
	for name, run := range all {
		switch name {
		case "watch": // names containers and keys, and goes on when the run has ended
		case "host", "history", "held", "drop": // without a target
			limited[name] = run
		case "find":
			limited[name] = b.found(run)
		default:
			limited[name] = b.within(run)
		}
	}
	return limited
}

// within runs an operation only on a target inside, and on no other process that is given the
// target's number later.
func (b bounds) within(run operation) operation {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var t target
		var args map[string]json.RawMessage
		if json.Unmarshal(raw, &t) != nil || json.Unmarshal(raw, &args) != nil {
			return nil, fail("invalid", "arguments")
		}
		if err := t.check(); err != nil {
			return nil, err
		}
		before, err := readStat(t.Pid)
		if err != nil || !b.hold(t.Pid) {
			return nil, fail("gone", "process %d is in no machine of the lab", t.Pid)
		}
		t.Start = before.Start
		if err := t.check(); err != nil {
			return nil, err
		}
		for key := range args { // keys mean the same in any case of letters
			if strings.EqualFold(key, "pid") || strings.EqualFold(key, "start") {
				delete(args, key)
			}
		}
		args["pid"], _ = json.Marshal(t.Pid)
		args["start"], _ = json.Marshal(t.Start)
		pinned, err := json.Marshal(args)
		if err != nil {
			return nil, err
		}
		return run(ctx, pinned)
	}
}

// found leaves out containers that are not inside.
func (b bounds) found(run operation) operation {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		got, err := run(ctx, raw)
		if list, known := got.(*findReply); known && list != nil {
			for id, process := range list.Found {
				if !b.hold(process.Pid) {
					delete(list.Found, id)
				}
			}
		}
		return got, err
	}
}
