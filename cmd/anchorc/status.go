package main

import (
	"fmt"
	"os"
	"time"
)

// busy shows, where standard error is a terminal, that work goes on: one line,
// after a second. The function it gives takes the line away.
func (t *tool) busy(what string) (done func()) {
	f, ok := t.stderr.(*os.File)
	if !ok {
		return func() {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for seconds := 1; ; seconds++ {
			select {
			case <-stop:
				if seconds > 1 {
					fmt.Fprint(f, "\r\x1b[K")
				}
				return
			case <-tick.C:
				fmt.Fprintf(f, "\r%s (%d s)\x1b[K", what, seconds)
			}
		}
	}()
	return func() { close(stop); <-stopped }
}
