// Command pause is the first process of every pod of the test cluster: it holds the pod's
// namespaces, reaps orphans, and ends when it is told to.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			if orphan, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != nil || orphan <= 0 {
				break
			}
		}
	}
}
