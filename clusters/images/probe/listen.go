package main

import (
	"bufio"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
)

// listen answers with TOKEN on every port that it is given, HTTP and plain lines alike:
// an HTTP request gets it as a page, any other line gets it back in front of what was sent.
func listen(args []string) error {
	token := os.Getenv("TOKEN")
	network := ""
	failed := make(chan error)
	count := 0
	for _, arg := range args {
		if arg == "--tcp" || arg == "--udp" {
			network = arg[2:]
			continue
		}
		if _, err := strconv.ParseUint(arg, 10, 16); err != nil || network == "" {
			return fmt.Errorf("%q is no port", arg)
		}
		count++
		if network == "tcp" {
			listener, err := net.Listen("tcp", ":"+arg)
			if err != nil {
				return err
			}
			go func() { failed <- serveTCP(listener, token) }()
		} else {
			conn, err := net.ListenPacket("udp", ":"+arg)
			if err != nil {
				return err
			}
			go func() { failed <- serveUDP(conn, token) }()
		}
	}
	if count == 0 {
		return fmt.Errorf("no port to listen on")
	}
	go func() { idle(); os.Exit(0) }()
	return <-failed
}

func serveTCP(listener net.Listener, token string) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			reader := bufio.NewReader(conn)
			for answerOne(conn, reader, token) == nil {
			}
		}()
	}
}

func answerOne(conn net.Conn, reader *bufio.Reader, token string) error {
	line, err := reader.ReadString('\n')
	if err != nil && line == "" {
		return err
	}
	line = strings.TrimRight(line, "\r\n")
	method, _, _ := strings.Cut(line, " ")
	if !strings.Contains(line, " HTTP/1.") {
		_, err = fmt.Fprintf(conn, "%s %s\n", token, line)
		return err
	}
	header, err := textproto.NewReader(reader).ReadMIMEHeader()
	if err != nil {
		return err
	}
	length, _ := strconv.Atoi(header.Get("Content-Length"))
	if _, err := reader.Discard(max(0, length)); err != nil {
		return err
	}
	body := token + "\n"
	_, err = fmt.Fprintf(
		conn, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", len(body))
	if err == nil && method != "HEAD" {
		_, err = conn.Write([]byte(body))
	}
	return err
}

func serveUDP(conn net.PacketConn, token string) error {
	buffer := make([]byte, 65535)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return err
		}
		if _, err := conn.WriteTo([]byte(token+" "+string(buffer[:n])), from); err != nil {
			continue // the sender is gone; the next one may not be
		}
	}
}
