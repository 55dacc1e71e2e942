package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// talk sends lines to a served probe and returns the replies by number.
func talk(t *testing.T, lines ...string) map[uint64]reply {
	t.Helper()
	return talkTo(t, operations, lines...)
}

func talkTo(t *testing.T, operations map[string]operation, lines ...string) map[uint64]reply {
	t.Helper()
	output, input := io.Pipe()
	replies := make(chan reply)
	ended := make(chan struct{})
	reading, writing := io.Pipe()
	go func() { serve(output, writing, operations); writing.Close(); close(ended) }()
	go func() {
		scanner := bufio.NewScanner(reading)
		for scanner.Scan() {
			var r reply
			if json.Unmarshal(scanner.Bytes(), &r) == nil && r.ID != 0 {
				replies <- r
			}
		}
	}()
	for _, line := range lines {
		io.WriteString(input, line+"\n")
	}
	got := map[uint64]reply{}
	for range lines {
		select {
		case r := <-replies:
			got[r.ID] = r
		case <-time.After(5 * time.Second):
			t.Fatal("no reply")
		}
	}
	input.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("serve did not end with its input")
	}
	return got
}

func TestServeRefusesWhatItDoesNotKnow(t *testing.T) {
	got := talk(t,
		`{"id":1,"op":"format"}`,
		`{"id":2,"op":"read","args":{"pid":1,"path":"relative","max":10}}`,
		`{"id":3,"op":"read","args":{"pid":1,"unknown":true}}`,
		`{"id":4,"op":"process","args":{"pid":-1}}`,
		`{"id":5,"op":"dial","args":{"pid":1,"net":"icmp","port":1}}`,
		`{"id":6,"op":"find","args":{"container_ids":["../../etc"]}}`,
		`{"id":7,"op":"http","args":{"pid":1,"url":"file:///etc/passwd"}}`,
	)
	for id, r := range got {
		if r.Error == nil || r.Error.Kind != "invalid" {
			t.Errorf("request %d: %+v", id, r)
		}
	}
}

func TestServeTellsThatAProcessIsGone(t *testing.T) {
	got := talk(t,
		`{"id":1,"op":"process","args":{"pid":4194303}}`,
		`{"id":2,"op":"process","args":{"pid":1,"start":18446744073709551615}}`,
	)
	for id, r := range got {
		if r.Error == nil || r.Error.Kind != "gone" {
			t.Errorf("request %d: %+v", id, r)
		}
	}
}

func TestListenerAnswersLinesAndHTTP(t *testing.T) {
	here, there := net.Pipe()
	go func() {
		reader := bufio.NewReader(there)
		for answerOne(there, reader, "t0ken") == nil {
		}
	}()
	defer here.Close()
	answers := bufio.NewReader(here)
	go io.WriteString(here, "hi\nGET / HTTP/1.1\r\nHost: x\r\n\r\nagain\n")
	var all strings.Builder
	for !strings.Contains(all.String(), "again") {
		line, err := answers.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(line)
	}
	for _, want := range []string{"t0ken hi\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\nt0ken\n", "t0ken again\n"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no %q in %q", want, all.String())
		}
	}
}
