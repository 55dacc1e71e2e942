package main

import (
	"bytes"
	"context"
	"strings"
)

// connect takes the look itself.
func (w *watch) connect(ctx context.Context, from target) string {
	address := w.where.address
	switch {
	case w.spec.Path != "":
		got, err := askHTTP(ctx, httpArgs{target: from, URL: "http://" + address.String() + w.spec.Path})
		if err != nil {
			return stateOf(err)
		}
		if got.Outcome == "garbled" || got.Outcome == "open" &&
			(got.Status < 200 || got.Status > 299 || !bytes.Contains(got.Body, []byte(w.spec.Says))) {
			return stateWrong
		}
		return word(got.Outcome)
	case w.spec.Send != "":
		return w.talk(ctx, from)
	}
	got, err := dial(ctx, dialArgs{
		target: from, Net: "tcp", Address: address.Addr().String(), Port: address.Port()})
	if err != nil {
		return stateOf(err)
	}
	return word(got.Outcome)
}

// word is the state for a dial's outcome.
func word(outcome string) string {
	switch outcome {
	case "open":
		return stateOpen
	case "refused", "reset":
		return stateClosed
	}
	return stateCut
}

// talk says something over the connection that is kept, and wants a line back. One that does not
// answer is given up; the next look opens another.
func (w *watch) talk(ctx context.Context, from target) string {
	answer, err := w.converse(ctx, from)
	if err != nil {
		w.drop()
		outcome, other := outcome(err)
		if other != nil {
			return stateOf(other)
		}
		return word(outcome)
	}
	if !strings.Contains(answer, w.spec.Says) {
		return stateWrong
	}
	return stateOpen
}

func (w *watch) converse(ctx context.Context, from target) (string, error) {
	if w.kept == nil {
		conn, err := dialIn(ctx, from, "tcp", w.where.address.String())
		if err != nil {
			return "", err
		}
		w.kept = conn
	}
	deadline, _ := ctx.Deadline()
	w.kept.SetDeadline(deadline)
	if _, err := w.kept.Write([]byte(w.spec.Send)); err != nil {
		return "", err
	}
	buffer := make([]byte, 4096)
	n, err := w.kept.Read(buffer)
	return string(buffer[:n]), err
}

func (w *watch) drop() {
	if w.kept != nil {
		w.kept.Close()
		w.kept = nil
	}
}
