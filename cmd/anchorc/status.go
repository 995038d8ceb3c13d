package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"anchorc/search"
)

// busy shows, where standard error is a terminal, that work goes on: one line,
// after a second. The function it gives takes the line away.
func (t *tool) busy(what string) (done func()) { return t.counting(what).done }

// progress is a line on a terminal.
type progress struct {
	done  func()
	start time.Time
	count atomic.Value // text
}

// counting is busy, with a count.
func (t *tool) counting(what string) *progress {
	p := &progress{done: func() {}, start: time.Now()}
	p.count.Store("")
	f, ok := t.stderr.(*os.File)
	if !ok {
		return p
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return p
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
				fmt.Fprintf(f, "\r%s%s (%d s)\x1b[K", what, p.count.Load(), seconds)
			}
		}
	}()
	p.done = sync.OnceFunc(func() { close(stop); <-stopped })
	return p
}

// of counts towards a total, and says how long the rest takes if it goes on so.
func (p *progress) of(total int, unit string) func(int) {
	return func(n int) {
		left := search.Estimate(p.start, time.Now(), n, total)
		p.count.Store(fmt.Sprintf(": %d of %d %s, %v left", n, total, unit, left))
	}
}

// masks counts masks, towards as many as there will be at most; 0 where nobody
// knows.
func (p *progress) masks(most int) func(int) {
	if most > 0 {
		return p.of(most, "masks")
	}
	return func(n int) { p.count.Store(fmt.Sprintf(": %d masks", n)) }
}
