package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
)

// guest is the one virtual machine of this container, as whoever operates it sees it.
type guest struct {
	name    string
	machine machine
	log     *log
	qemu    chan struct{} // closed when QEMU has ended; nil until it was started
	broken  chan error    // QEMU failed
	turn    sync.Mutex    // what changes the guest, or copies its disk, is done one after the other
}

// verb is one thing that can be done to a guest. `usage` names its words.
type verb struct {
	usage, about string
	do           func(*guest, []string) (any, error)
}

var offered map[string]verb

func init() {
	offered = map[string]verb{
		"snapshots": {"", "list its snapshots", (*guest).snapshots},
		"snapshot":  {"NAME", "save what memory and disk are like now", (*guest).save},
		"revert":    {"NAME", "bring it back to a snapshot: what came since is lost", (*guest).revert},
		"delete":    {"NAME", "delete a snapshot", (*guest).forget},
		"network":   {"on|off", "plug its network cable in, or pull it", (*guest).link},
		"power":     {"on|off|reset", "switch it on, pull the plug, or press reset", (*guest).power},
		"remove":    {"", "switch it off for good, and delete its disk and snapshots", (*guest).remove},
		"state":     {"", "its power, network and disk", (*guest).state},
		"events":    {"", "what was done to it, the oldest first", (*guest).events},
		"read":      {"[-snapshot NAME] PATH...", "files of its disk, read from outside", (*guest).read},
	}
}

func verbs() string {
	names := []string{}
	for name := range offered {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// operate does what was asked. What a verb gives is told as JSON; a command in the guest tells
// what it likes.
func (g *guest) operate(ctx context.Context, asked question) (answer, error) {
	if len(asked.Words) == 0 {
		return answer{}, errors.New("say what to do")
	}
	name, words := asked.Words[0], asked.Words[1:]
	if name == "exec" {
		if len(words) == 0 {
			return answer{}, errors.New("say which command")
		}
		return command{argv: words, stdin: asked.Stdin}.run(ctx)
	}
	chosen, known := offered[name]
	if !known {
		return answer{}, fmt.Errorf("there is no %q: only exec, %s", name, verbs())
	}
	g.turn.Lock()
	defer g.turn.Unlock()
	told, err := chosen.do(g, words)
	if err != nil || told == nil {
		return answer{}, err
	}
	out, err := json.Marshal(told)
	return answer{Out: append(out, '\n')}, err
}

func (g *guest) events([]string) (any, error) {
	data, err := os.ReadFile(events)
	if err != nil {
		return nil, err
	}
	told := []json.RawMessage{}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		told = append(told, json.RawMessage(line))
	}
	return told, nil
}
