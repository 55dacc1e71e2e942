package main

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// plain is what QEMU takes in the name of a job.
var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$`)

// state is one snapshot, memory and disk, as QEMU knows it. They lie in the guest's own disk.
type state struct {
	Name    string `json:"name"`
	Seconds int64  `json:"date-sec"`
	Size    int64  `json:"vm-state-size"`
}

func (g *guest) snapshots([]string) (any, error) {
	found := []state{}
	err := g.monitor(func(q *qmp) error {
		all, err := q.snapshots()
		found = append(found, all...)
		return err
	})
	return found, err
}

func (g *guest) save(words []string) (any, error) {
	return nil, g.snapshot(words, false, "SNAPSHOT_SAVED", func(q *qmp, name string) error {
		flush()
		return q.states("snapshot-save", name, true)
	})
}

func (g *guest) forget(words []string) (any, error) {
	return nil, g.snapshot(words, true, "SNAPSHOT_DELETED", func(q *qmp, name string) error {
		return q.states("snapshot-delete", name, false)
	})
}

func (g *guest) revert(words []string) (any, error) {
	return nil, g.snapshot(words, true, "SNAPSHOT_REVERTED", func(q *qmp, name string) error {
		// A state that is loaded while the guest runs would be one that never was.
		if err := q.do("stop", nil, nil); err != nil {
			return err
		}
		if err := q.states("snapshot-load", name, true); err != nil {
			return err
		}
		if g.machine.network {
			if err := q.link(); err != nil {
				return err
			}
		}
		return q.do("cont", nil, nil)
	})
}

// snapshot does one thing with a snapshot, which must be there or not, and writes it down.
func (g *guest) snapshot(words []string, there bool, event string, do func(*qmp, string) error) error {
	if len(words) != 1 {
		return errors.New("say the snapshot's name")
	}
	name := words[0]
	if !plain.MatchString(name) {
		return errors.New("a snapshot's name is letters, digits, and . _ - between them")
	}
	err := g.monitor(func(q *qmp) error {
		known, err := q.snapshots()
		if err != nil {
			return err
		}
		found := false
		for _, one := range known {
			found = found || one.Name == name
		}
		if found != there {
			return fmt.Errorf("there is %s snapshot %q", map[bool]string{true: "already a", false: "no"}[found], name)
		}
		return do(q, name)
	})
	if err != nil {
		return err
	}
	g.log.note(event, map[string]any{"name": name}, time.Now())
	return nil
}

// states runs one of QEMU's jobs on the states that it keeps.
func (q *qmp) states(job, name string, memory bool) error {
	what := map[string]any{"job-id": "snapshot", "tag": name, "devices": []string{"disk"}}
	if memory {
		what["vmstate"] = "disk"
	}
	return q.job(job, what, "snapshot")
}

func (q *qmp) snapshots() ([]state, error) {
	var nodes []struct {
		Name  string `json:"node-name"`
		Image struct {
			Snapshots []state `json:"snapshots"`
		} `json:"image"`
	}
	if err := q.do("query-named-block-nodes", map[string]any{"flat": true}, &nodes); err != nil {
		return nil, err
	}
	for _, node := range nodes {
		if node.Name == "disk" {
			return node.Image.Snapshots, nil
		}
	}
	return nil, errors.New("the guest has no disk")
}
