package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"sync"
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

// log is what was done to the guest and when, out of the guest's reach: a line for each thing that
// QEMU told or an operator did. A restart of the container goes on in the same file.
type log struct {
	turn sync.Mutex
	file *os.File
}

func openLog() (*log, error) {
	file, err := os.OpenFile(events, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return &log{file: file}, err
}

func (l *log) note(event string, data any, at time.Time) {
	line, _ := json.Marshal(map[string]any{
		"time": at.UTC().Format("2006-01-02T15:04:05.000000Z"), "event": event, "data": data,
	})
	l.turn.Lock()
	defer l.turn.Unlock()
	_, _ = l.file.Write(append(line, '\n'))
}

// quiet are the events that tell nothing: steps of jobs, whose end is noted, and what a guest does
// to its own network card, as often as it likes.
var quiet = map[string]bool{"JOB_STATUS_CHANGE": true, "NIC_RX_FILTER_CHANGED": true}

// record writes down QEMU's events, until it has ended.
func (l *log) record(ended <-chan struct{}) {
	q, err := dial(witness)
	for ; err != nil; q, err = dial(witness) {
		select {
		case <-ended:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	l.note("START", nil, time.Now())
	for {
		told, err := q.next()
		if err != nil {
			return
		}
		if told.Event != "" && !quiet[told.Event] {
			at := time.Unix(told.Timestamp.Seconds, told.Timestamp.Microseconds*1000)
			l.note(told.Event, told.Data, at)
		}
	}
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
