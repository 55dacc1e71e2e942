package main

import (
	"context"
	"fmt"
	"os"
	"strings"
)

const shortestID = 12

type findArgs struct {
	ContainerIDs []string `json:"container_ids"`
}

type findReply struct {
	Found map[string]*process `json:"found"` // by container id; missing: it does not run
}

// findContainers finds the first process of containers, at whatever depth they are nested, by
// the id that is part of the name of their cgroup.
func findContainers(_ context.Context, args findArgs) (*findReply, error) {
	for _, id := range args.ContainerIDs {
		if len(id) < shortestID || strings.Trim(id, "0123456789abcdef") != "" {
			return nil, fail("invalid", "container id %q", id)
		}
	}
	pids, err := allPids()
	if err != nil {
		return nil, err
	}
	first := map[string]stat{}
	number := map[string]int{}
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err != nil {
			continue
		}
		id := innermost(string(raw), args.ContainerIDs)
		if id == "" {
			continue
		}
		s, err := readStat(pid)
		if err != nil || s.State == "Z" {
			continue
		}
		have, known := first[id]
		if !known || s.Start < have.Start || s.Start == have.Start && pid < number[id] {
			first[id], number[id] = s, pid
		}
	}
	r := &findReply{Found: map[string]*process{}}
	for id, pid := range number {
		if p, err := readProcess(pid); err == nil {
			r.Found[id] = p
		}
	}
	return r, nil
}

// innermost picks, of the ids, the one that names the deepest part of a process's cgroup path:
// a process of a nested container does not count as one of the container around it.
func innermost(cgroup string, ids []string) string {
	found, depth := "", -1
	for line := range strings.SplitSeq(cgroup, "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		for _, id := range ids {
			if at := strings.LastIndex(parts[2], id); at > depth {
				found, depth = id, at
			}
		}
	}
	return found
}
