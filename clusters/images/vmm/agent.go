package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"time"
)

const (
	// Nobody listens while the guest boots; a question that nobody answers is asked again.
	patience = time.Second
	path     = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// command is what to run in the guest.
type command struct {
	argv  []string
	env   list
	stdin []byte
}

// ended is how a command in the guest ended, as QEMU's guest agent tells it.
type ended struct {
	Exited   bool   `json:"exited"`
	ExitCode int    `json:"exitcode"`
	Signal   int    `json:"signal"`
	Out      []byte `json:"out-data"`
	Err      []byte `json:"err-data"`
}

// run runs the command. Its exit status is 128 and more for a signal, as in shells. The agent
// answers one caller at a time, so a command that lasts is asked about, not waited for.
func (c command) run(ctx context.Context) (answer, error) {
	arguments := map[string]any{
		"path": c.argv[0], "arg": c.argv[1:], "capture-output": true,
		"env": append([]string{path, "HOME=/root", "LANG=C.UTF-8"}, c.env...),
	}
	if c.stdin != nil {
		arguments["input-data"] = c.stdin
	}
	var begun struct {
		PID int `json:"pid"`
	}
	if err := ask(ctx, "guest-exec", arguments, &begun); err != nil {
		return answer{}, err
	}
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 300*time.Millisecond) {
		time.Sleep(pause)
		var end ended
		if err := ask(ctx, "guest-exec-status", map[string]any{"pid": begun.PID}, &end); err != nil {
			return answer{}, err
		}
		if !end.Exited {
			continue
		}
		status := end.ExitCode
		if end.Signal != 0 {
			status = 128 + end.Signal
		}
		return answer{Status: status, Out: end.Out, Err: end.Err}, nil
	}
}

// ask has the agent do one thing. It goes on until the agent is there, which is when the guest
// is up; whoever started this, or the context, has the deadline. What the agent refuses is an error.
func ask(ctx context.Context, what string, arguments map[string]any, answer any) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if there(off) || there(removed) {
			return errOff
		}
		line, err := reach(what, arguments)
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) || retry(err) {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if err != nil {
			return err
		}
		var told struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Desc string `json:"desc"`
			} `json:"error"`
		}
		if err := json.Unmarshal(line, &told); err != nil {
			return fmt.Errorf("the guest's agent answers with what is no JSON: %w", err)
		}
		if told.Error != nil {
			return errors.New(told.Error.Desc)
		}
		return json.Unmarshal(told.Return, answer)
	}
}

// retry tells whether QEMU is only not there yet.
func retry(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "dial"
}

// reach connects, makes sure that answers are to questions of this connection, and asks. The
// deadline is for the agent to show itself; then it has as long as it needs.
func reach(what string, arguments map[string]any) ([]byte, error) {
	connection, err := net.Dial("unix", agent)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	id := rand.Int32()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if err := send(connection, "guest-sync", map[string]any{"id": id}); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(connection)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		var told struct {
			Return json.Number `json:"return"`
		}
		if json.Unmarshal(line, &told) == nil && told.Return.String() == fmt.Sprint(id) {
			break
		}
	}
	if err := connection.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	if err := send(connection, what, arguments); err != nil {
		return nil, err
	}
	return lines.ReadBytes('\n')
}

func send(to io.Writer, what string, arguments map[string]any) error {
	question := map[string]any{"execute": what}
	if arguments != nil {
		question["arguments"] = arguments
	}
	data, err := json.Marshal(question)
	if err != nil {
		return err
	}
	_, err = to.Write(append(data, '\n'))
	return err
}
