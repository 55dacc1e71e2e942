package main

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

type holdArgs struct {
	target
	Address string `json:"address"`
	Port    uint16 `json:"port"`
	DNS     string `json:"dns"`
}

type holdReply struct {
	Hold    int    `json:"hold"` // 0 when it could not be opened
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

type heldArgs struct {
	Hold int    `json:"hold"`
	Send []byte `json:"send"`
}

type heldReply struct {
	Alive    bool    `json:"alive"` // an answer came back over the connection
	Outcome  string  `json:"outcome"`
	Ms       float64 `json:"ms"`
	Received []byte  `json:"received"`
}

var held = struct {
	sync.Mutex
	last  int
	conns map[int]net.Conn
}{conns: map[int]net.Conn{}}

// hold opens a TCP connection that stays open until it is dropped or the probe's run ends.
func hold(ctx context.Context, args holdArgs) (*holdReply, error) {
	ip, err := resolve(ctx, args.target, args.Address, args.DNS)
	if err == nil {
		var conn net.Conn
		conn, err = dialIn(ctx, args.target, "tcp", netip.AddrPortFrom(ip, args.Port).String())
		if err == nil {
			held.Lock()
			defer held.Unlock()
			held.last++
			held.conns[held.last] = conn
			return &holdReply{Hold: held.last, Outcome: "open"}, nil
		}
	}
	word, other := outcome(err)
	if other != nil {
		return nil, other
	}
	return &holdReply{Outcome: word, Detail: err.Error()}, nil
}

// askHeld sends something over an open connection and waits for anything to come back.
func askHeld(ctx context.Context, args heldArgs) (*heldReply, error) {
	held.Lock()
	conn, known := held.conns[args.Hold]
	held.Unlock()
	if !known {
		return nil, fail("invalid", "no connection %d", args.Hold)
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	began := time.Now()
	r := &heldReply{Outcome: "open"}
	_, err := conn.Write(args.Send)
	if err == nil {
		buffer := make([]byte, defaultMaxReply)
		var n int
		n, err = conn.Read(buffer)
		r.Received, r.Alive = buffer[:n], n > 0
	}
	if err != nil && !r.Alive {
		if r.Outcome, err = outcome(err); err != nil {
			return nil, err
		}
	}
	r.Ms = float64(time.Since(began).Microseconds()) / 1000
	return r, nil
}

func dropHeld(_ context.Context, args heldArgs) (struct{}, error) {
	held.Lock()
	defer held.Unlock()
	if conn, known := held.conns[args.Hold]; known {
		conn.Close()
		delete(held.conns, args.Hold)
	}
	return struct{}{}, nil
}
