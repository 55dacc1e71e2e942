package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
	"unsafe"
)

const (
	leave = 0x1d    // Ctrl-]
	shown = 8 << 10 // how much of what was on the console is shown again
)

// console joins the terminal to the guest's serial console: what was there before, then what
// comes. QEMU takes one caller, so whoever was there before has to leave: it may be a terminal
// that was closed, of which the engine tells nobody here.
func console() error {
	lock, err := take("/vm/console.lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	connection, err := net.Dial("unix", serial)
	if err != nil {
		return err
	}
	defer connection.Close()
	fmt.Fprintln(os.Stderr, "This is the guest's console. Ctrl-] leaves it; what runs there goes on.")
	before()
	if size() != nil {
		if err := stty("raw", "-echo"); err != nil {
			return err
		}
		defer func() { _ = stty("sane") }()
		changes := make(chan os.Signal, 1)
		signal.Notify(changes, syscall.SIGWINCH)
		go follow(changes)
	}
	ended := make(chan error, 3)
	go func() {
		_, err := io.Copy(os.Stdout, connection)
		ended <- err
	}()
	go func() { ended <- pass(os.Stdin, connection) }()
	go func() {
		taken := make(chan os.Signal, 1)
		signal.Notify(taken, syscall.SIGTERM)
		<-taken
		fmt.Fprint(os.Stderr, "\r\nAnother terminal has this console now.\r\n")
		ended <- nil
	}()
	return <-ended
}

// take gives the lock on the console, after asking whoever has it to leave.
func take(name string) (*os.File, error) {
	lock, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for try := 0; syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil; try++ {
		if try == 50 {
			return nil, fmt.Errorf("another terminal does not leave this console")
		}
		var other int
		if _, err := lock.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		if _, err := fmt.Fscan(lock, &other); err == nil {
			_ = syscall.Kill(other, syscall.SIGTERM)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := lock.Truncate(0); err != nil {
		return nil, err
	}
	_, err = lock.WriteAt([]byte(fmt.Sprintln(os.Getpid())), 0)
	return lock, err
}

// pass copies what is typed until the key that leaves.
func pass(from io.Reader, to io.Writer) error {
	keys := make([]byte, 1024)
	for {
		n, err := from.Read(keys)
		for i, key := range keys[:n] {
			if key == leave {
				_, err := to.Write(keys[:i])
				return err
			}
		}
		if _, err := to.Write(keys[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// before shows the end of what was on the console, from the beginning of a line.
func before() {
	data, err := os.ReadFile(history)
	if err != nil {
		return
	}
	if len(data) > shown {
		data = data[len(data)-shown:]
		for i, c := range data {
			if c == '\n' {
				data = data[i+1:]
				break
			}
		}
	}
	_, _ = os.Stdout.Write(data)
}

// follow tells the guest how large the terminal is, now and whenever that changes: a serial line
// cannot.
func follow(changes <-chan os.Signal) {
	for {
		if now := size(); now != nil {
			set := command{argv: []string{
				"stty", "-F", "/dev/" + here.serial, "rows", fmt.Sprint(now.rows), "cols", fmt.Sprint(now.columns),
			}}
			_, _ = set.run(context.Background())
		}
		<-changes
	}
}

type window struct{ rows, columns, x, y uint16 }

// size is how large the terminal is; nil when there is none.
func size() *window {
	var found window
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, os.Stdin.Fd(), syscall.TIOCGWINSZ,
		uintptr(unsafe.Pointer(&found)))
	if errno != 0 {
		return nil
	}
	return &found
}

func stty(arguments ...string) error {
	set := exec.Command("stty", arguments...)
	set.Stdin = os.Stdin
	return set.Run()
}
