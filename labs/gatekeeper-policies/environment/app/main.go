// App is whatever runs in the lab's pods. It waits, unless it is told to do harm in a small way:
// to eat memory, or to read a file.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	most  = 300 // MiB: enough to be seen, and no harm to the computer under the node
	shown = 6   // lines of a file
)

func main() {
	switch {
	case len(os.Args) == 1:
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
		<-stop
	case len(os.Args) == 3 && os.Args[1] == "eat":
		eat(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "read":
		read(os.Args[2])
	default:
		fail("usage: app | app eat MIB | app read FILE")
	}
}

// eat takes memory, step by step, and lets go of it after a few seconds.
func eat(amount string) {
	mib, err := strconv.Atoi(amount)
	if err != nil || mib < 1 || mib > most {
		fail(fmt.Sprintf("app eats between 1 and %d MiB", most))
	}
	fmt.Printf("the node has %d MiB of memory left\n", available())
	held := make([][]byte, 0, mib)
	for range mib {
		piece := make([]byte, 1<<20)
		for i := range piece {
			piece[i] = 1
		}
		held = append(held, piece)
	}
	fmt.Printf("I hold %d MiB, the node has %d MiB left, and nobody has stopped me\n", len(held), available())
	time.Sleep(5 * time.Second)
}

func available() int {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		fail(err.Error())
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if words := strings.Fields(lines.Text()); words[0] == "MemAvailable:" {
			kib, _ := strconv.Atoi(words[1])
			return kib >> 10
		}
	}
	return 0
}

func read(name string) {
	fmt.Printf("I am user %d\n", os.Getuid())
	file, err := os.Open(name)
	if err != nil {
		fail(err.Error())
	}
	defer file.Close()
	lines := bufio.NewScanner(io.LimitReader(file, 4096))
	for n := 0; n < shown && lines.Scan(); n++ {
		line := lines.Text()
		fmt.Println(line[:min(len(line), 72)])
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, "app:", why)
	os.Exit(1)
}
