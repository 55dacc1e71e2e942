package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

const beat = 500 * time.Millisecond

// db answers lines: `GET ORDER` with a stamp, `ROW` with the number of the newest row.
// There is a new row every half second.
func db() error {
	listener, err := net.Listen("tcp", os.Getenv("LISTEN"))
	if err != nil {
		return err
	}
	began := time.Now()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go answer(conn, began)
	}
}

func answer(conn net.Conn, began time.Time) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		served.Add(1)
		verb, order, _ := strings.Cut(lines.Text(), " ")
		reply := "what?"
		switch verb {
		case "GET":
			reply = stamp(order)
		case "ROW":
			reply = fmt.Sprint(int(time.Since(began) / beat))
		}
		if _, err := fmt.Fprintln(conn, reply); err != nil {
			return
		}
	}
}

// connection is one that stays open, like those of a real database's clients.
type connection struct {
	address string
	lock    sync.Mutex
	conn    net.Conn
	reader  *bufio.Reader
	opened  time.Time
}

// keep uses the connection twice a second, so that there is always one.
func (c *connection) keep() {
	for range time.Tick(beat) {
		c.ask("ROW")
	}
}

// ask sends a line and waits for one; a connection that does not answer is given up.
func (c *connection) ask(line string) (string, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	reply, err := c.try(line)
	if err != nil && c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
	return reply, plain(err)
}

func (c *connection) try(line string) (string, error) {
	if c.conn == nil {
		conn, err := connect(c.address, patience)
		if err != nil {
			return "", err
		}
		c.conn, c.reader, c.opened = conn, bufio.NewReader(conn), time.Now()
	}
	c.conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(c.conn, line); err != nil {
		return "", err
	}
	reply, err := c.reader.ReadString('\n')
	return strings.TrimSpace(reply), err
}
