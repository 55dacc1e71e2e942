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
	"time"
)

// guest is the one virtual machine of this container, as whoever operates it sees it.
type guest struct {
	log     *log
	network bool
	turn    sync.Mutex // what changes the guest, or copies its disk, is done one after the other
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
		"power":     {"reset|off", "press the button, or pull the plug", (*guest).power},
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

// power does what a hand at the computer could do.
func (g *guest) power(words []string) (any, error) {
	commands := map[string]string{"reset": "system_reset", "off": "quit"}
	if len(words) != 1 || commands[words[0]] == "" {
		return nil, errors.New("say reset or off")
	}
	q, err := dial(monitor)
	if err != nil {
		return nil, err
	}
	defer q.connection.Close()
	return nil, q.do(commands[words[0]], nil, nil)
}

// pulled is there as long as the guest's network cable is out, also while it is switched off.
const pulled = "/vm/pulled"

// link pulls the network cable or plugs it in: the guest sees it, and cannot change it.
func (g *guest) link(words []string) (any, error) {
	if len(words) != 1 || (words[0] != "on" && words[0] != "off") {
		return nil, errors.New("say on or off")
	}
	if !g.network {
		return nil, errors.New("it has no network")
	}
	if words[0] == "on" {
		_ = os.Remove(pulled)
	} else if err := os.WriteFile(pulled, nil, 0o600); err != nil {
		return nil, err
	}
	q, err := dial(monitor)
	if err != nil {
		return nil, err
	}
	defer q.connection.Close()
	if err := q.link(); err != nil {
		return nil, err
	}
	g.log.note("NETWORK", map[string]any{"link": words[0]}, time.Now())
	return nil, nil
}

// link has the cable be as it was left. A snapshot that is loaded has its own idea of that.
func (q *qmp) link() error {
	_, err := os.Stat(pulled)
	return q.do("set_link", map[string]any{"name": "net", "up": err != nil}, nil)
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
