package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for range 200 {
		if condition() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s did not happen", what)
}

func started(t *testing.T, script string) *process {
	t.Helper()
	s := newSupervisor([]component{{"test", []string{"sh", "-c", script}}})
	p := s.find("test")
	log := &rotatingLog{path: filepath.Join(t.TempDir(), "test.log")}
	go p.keepRunning(log)
	t.Cleanup(s.stopAll)
	eventually(t, "the start", func() bool { return p.status().PID != 0 })
	return p
}

func TestAComponentThatEndsIsStartedAgain(t *testing.T) {
	p := started(t, "exec sleep 1000")
	first := p.status().PID
	p.stop(first)
	eventually(t, "another start", func() bool { pid := p.status().PID; return pid != 0 && pid != first })
	if restarts := p.status().Restarts; restarts != 1 {
		t.Fatalf("%d restarts were counted", restarts)
	}
}

func TestAComponentThatIgnoresTheSignalIsEnded(t *testing.T) {
	p := started(t, "trap '' TERM; while :; do sleep 1; done")
	first := p.status().PID
	p.stop(first)
	eventually(t, "the end", func() bool { return p.status().PID != first })
}

func TestALogNeverGrowsBeyondItsLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	log := &rotatingLog{path: path}
	line := []byte(strings.Repeat("x", 1<<20))
	for range 2*logLimit/len(line) + 3 {
		if n, err := log.Write(line); err != nil || n != len(line) {
			t.Fatal(n, err)
		}
	}
	for _, file := range []string{path, path + ".1"} {
		info, err := os.Stat(file)
		if err != nil || info.Size() > logLimit {
			t.Fatal(file, info, err)
		}
	}
}
