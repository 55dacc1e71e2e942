package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// folder has a socket for each guest of the session, by the name of its machine. It is shared with
// the operator's machine, who may say there what operate.go offers, and nothing else: QEMU's own
// sockets are elsewhere.
const folder = "/control"

// question is what a guest's vmm is asked, one a connection.
type question struct {
	Words []string `json:"words"`
	Stdin []byte   `json:"stdin,omitempty"`
}

// answer is what came of it: for `exec` a command's own, else 0 or a refusal's text on Err.
type answer struct {
	Status int    `json:"status"`
	Out    []byte `json:"out,omitempty"`
	Err    []byte `json:"err,omitempty"`
}

// request asks the vmm of a machine.
func request(machine string, asked question) (answer, error) {
	var told answer
	connection, err := net.Dial("unix", filepath.Join(folder, filepath.Base(machine)+".sock"))
	if errors.Is(err, fs.ErrNotExist) {
		return told, fmt.Errorf("there is no virtual machine %q; there are: %s", machine, strings.Join(machines(), ", "))
	}
	if err != nil {
		return told, fmt.Errorf("the host of %s does not run", machine)
	}
	defer connection.Close()
	if err := json.NewEncoder(connection).Encode(asked); err != nil {
		return told, err
	}
	if err := json.NewDecoder(connection).Decode(&told); err != nil {
		return told, fmt.Errorf("the host of %s has ended", machine)
	}
	return told, nil
}

// machines are the guests of the session, whether they run or not.
func machines() []string {
	sockets, _ := filepath.Glob(filepath.Join(folder, "*.sock"))
	names := []string{}
	for _, socket := range sockets {
		names = append(names, strings.TrimSuffix(filepath.Base(socket), ".sock"))
	}
	sort.Strings(names)
	return names
}

// control answers questions, of several callers at a time.
type control struct{ guest *guest }

func (c *control) listen(name string) error {
	socket := filepath.Join(folder, name+".sock")
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	// Who may come here is who has the folder; the users of containers have all sorts of numbers.
	if err := os.Chmod(socket, 0o666); err != nil {
		return err
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go c.serve(connection)
		}
	}()
	return nil
}

func (c *control) serve(connection net.Conn) {
	defer connection.Close()
	var asked question
	if json.NewDecoder(connection).Decode(&asked) != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // a caller who has gone waits for nothing any more
		_, _ = io.Copy(io.Discard, connection)
		cancel()
	}()
	told, err := c.guest.operate(ctx, asked)
	if err != nil {
		told = answer{Status: unreachable, Err: []byte(err.Error() + "\n")}
	}
	_ = json.NewEncoder(connection).Encode(told)
}
