package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"time"
)

// message is whatever QEMU says on its monitor: an answer, a refusal, or an event.
type message struct {
	Return json.RawMessage `json:"return,omitempty"`
	Error  *struct {
		Desc string `json:"desc"`
	} `json:"error,omitempty"`
	Event     string          `json:"event,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Timestamp struct {
		Seconds      int64 `json:"seconds"`
		Microseconds int64 `json:"microseconds"`
	} `json:"timestamp"`
}

// plain is what QEMU takes in the name of a job.
var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$`)

// qmp is a connection to QEMU's monitor: https://www.qemu.org/docs/master/interop/qmp-spec.html
type qmp struct {
	connection net.Conn
	lines      *bufio.Reader
}

func dial(socket string) (*qmp, error) {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	q := &qmp{connection, bufio.NewReader(connection)}
	if _, err := q.next(); err != nil { // the greeting
		return nil, err
	}
	return q, q.do("qmp_capabilities", nil, nil)
}

func (q *qmp) next() (*message, error) {
	line, err := q.lines.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	var told message
	return &told, json.Unmarshal(line, &told)
}

// do has QEMU do one thing, and waits for its answer.
func (q *qmp) do(what string, arguments map[string]any, answer any) error {
	if err := send(q.connection, what, arguments); err != nil {
		return err
	}
	for {
		told, err := q.next()
		switch {
		case err != nil:
			return err
		case told.Error != nil:
			return errors.New(told.Error.Desc)
		case told.Return != nil && answer != nil:
			return json.Unmarshal(told.Return, answer)
		case told.Return != nil:
			return nil
		}
	}
}

// record writes down every event, as long as QEMU lives: the log that tells what was done to the
// guest and when. A restart of the container goes on in the same file.
func record() {
	file, err := os.OpenFile(events, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fail(err)
	}
	note := func(event string, data json.RawMessage, at time.Time) {
		line, _ := json.Marshal(map[string]any{
			"time": at.UTC().Format("2006-01-02T15:04:05.000000Z"), "event": event, "data": data,
		})
		_, _ = file.Write(append(line, '\n'))
	}
	var q *qmp
	for q, err = dial(witness); err != nil; q, err = dial(witness) {
		time.Sleep(20 * time.Millisecond)
	}
	note("START", nil, time.Now())
	for {
		told, err := q.next()
		if err != nil {
			return
		}
		if told.Event != "" {
			at := time.Unix(told.Timestamp.Seconds, told.Timestamp.Microseconds*1000)
			note(told.Event, told.Data, at)
		}
	}
}

// power does what a hand at the computer could do.
func power(arguments []string) error {
	commands := map[string]string{"reset": "system_reset", "off": "quit"}
	if len(arguments) != 1 || commands[arguments[0]] == "" {
		return errors.New("say reset or off")
	}
	q, err := dial(monitor)
	if err != nil {
		return err
	}
	return q.do(commands[arguments[0]], nil, nil)
}

// snapshot saves, brings back, deletes or lists the guest's states, memory and disk. They lie in
// the guest's own disk.
func snapshot(arguments []string) error {
	q, err := dial(monitor)
	if err != nil {
		return err
	}
	if len(arguments) == 1 && arguments[0] == "list" {
		return q.list()
	}
	jobs := map[string]string{
		"save": "snapshot-save", "revert": "snapshot-load", "delete": "snapshot-delete",
	}
	if len(arguments) != 2 || jobs[arguments[0]] == "" {
		return errors.New("say list, or save, revert or delete and a name")
	}
	verb, name := arguments[0], arguments[1]
	if !plain.MatchString(name) {
		return errors.New("a snapshot's name is letters, digits, and . _ - between them")
	}
	known, err := q.snapshots()
	if err != nil {
		return err
	}
	there := false
	for _, one := range known {
		there = there || one.Name == name
	}
	if there == (verb == "save") {
		return fmt.Errorf("there is %s snapshot %q", map[bool]string{true: "already a", false: "no"}[there], name)
	}
	job := verb + "." + name // events of the snapshot have this name
	what := map[string]any{"job-id": job, "tag": name, "devices": []string{"disk"}}
	if verb != "delete" {
		what["vmstate"] = "disk"
	}
	// A state that is loaded while the guest runs would be one that never was.
	if verb == "revert" {
		if err := q.do("stop", nil, nil); err != nil {
			return err
		}
	}
	if err := q.job(jobs[verb], what, job); err != nil {
		return err
	}
	if verb == "revert" {
		return q.do("cont", nil, nil)
	}
	return nil
}

// job starts a job and waits for its end.
func (q *qmp) job(command string, what map[string]any, id string) error {
	if err := q.do(command, what, nil); err != nil {
		return err
	}
	for {
		var all []struct {
			ID     string `json:"id"`
			Status string `json:"status"`
			Error  string `json:"error"`
		}
		if err := q.do("query-jobs", nil, &all); err != nil {
			return err
		}
		for _, one := range all {
			if one.ID != id || one.Status != "concluded" {
				continue
			}
			if err := q.do("job-dismiss", map[string]any{"id": id}, nil); err != nil {
				return err
			}
			if one.Error != "" {
				return errors.New(one.Error)
			}
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// state is one snapshot, as QEMU knows it.
type state struct {
	Name    string `json:"name"`
	Seconds int64  `json:"date-sec"`
	Size    int64  `json:"vm-state-size"`
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

func (q *qmp) list() error {
	found, err := q.snapshots()
	if err != nil {
		return err
	}
	if found == nil {
		found = []state{}
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}
