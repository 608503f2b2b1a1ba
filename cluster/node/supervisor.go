package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	firstPause = 500 * time.Millisecond // before a component that ended is started again; doubles up to
	lastPause  = 10 * time.Second
	steadyTime = 30 * time.Second // a component that ran this long starts again from the first pause
	stopTime   = 4 * time.Second
)

// process is the live side of a component.
type process struct {
	component
	mu       sync.Mutex
	running  *os.Process
	started  time.Time
	restarts int
	stopping bool
}

// ProcessStatus is what is told about a component.
type ProcessStatus struct {
	Name     string `json:"name"`
	PID      int    `json:"pid"` // 0 while it is not running
	Since    string `json:"since"`
	Restarts int    `json:"restarts"`
}

type supervisor struct {
	processes []*process
}

func newSupervisor(list []component) *supervisor {
	s := &supervisor{}
	for _, c := range list {
		s.processes = append(s.processes, &process{component: c})
	}
	return s
}

func (s *supervisor) find(name string) *process {
	for _, p := range s.processes {
		if p.name == name {
			return p
		}
	}
	return nil
}

// start begins to keep the named components running.
func (s *supervisor) start(names ...string) {
	for _, name := range names {
		go s.find(name).keepRunning(&rotatingLog{path: filepath.Join(logDir, name+".log")})
	}
}

func (p *process) keepRunning(log *rotatingLog) {
	pause := firstPause
	for {
		began := time.Now()
		err := p.runOnce(log)
		p.mu.Lock()
		stopping := p.stopping
		p.running = nil
		p.restarts++
		p.mu.Unlock()
		if stopping {
			return
		}
		if time.Since(began) > steadyTime {
			pause = firstPause
		}
		fmt.Printf("%s %s ended (%v), starting it again in %s\n", time.Now().Format(time.RFC3339), p.name, err, pause)
		time.Sleep(pause)
		pause = min(2*pause, lastPause)
	}
}

func (p *process) runOnce(log *rotatingLog) error {
	command := exec.Command(p.argv[0], p.argv[1:]...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Shims of containerd inherit the output; do not wait for them when containerd itself ends.
	command.WaitDelay = time.Second
	p.mu.Lock()
	if p.stopping {
		p.mu.Unlock()
		return nil
	}
	err := command.Start()
	p.running, p.started = command.Process, time.Now()
	p.mu.Unlock()
	if err != nil {
		fmt.Fprintln(log, err)
		return err
	}
	return command.Wait()
}

func (p *process) status() ProcessStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	status := ProcessStatus{Name: p.name, Restarts: p.restarts}
	if p.running != nil {
		status.PID, status.Since = p.running.Pid, p.started.UTC().Format(time.RFC3339)
	}
	return status
}

// signal sends a signal to the component if it runs.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != nil {
		_ = p.running.Signal(s)
	}
}

// stop asks this run of the component to end, and ends it when it takes too long: the API server would wait a minute
// for its watchers to leave.
func (p *process) stop(pid int) {
	if pid == 0 {
		return
	}
	p.signal(syscall.SIGTERM)
	for deadline := time.Now().Add(stopTime); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if p.status().PID != pid {
			return
		}
	}
	p.signal(syscall.SIGKILL)
}

// stopAll ends the components in reverse order, so that etcd outlives everyone who writes to it.
func (s *supervisor) stopAll() {
	for _, p := range slices.Backward(s.processes) {
		p.mu.Lock()
		p.stopping = true
		p.mu.Unlock()
		p.stop(p.status().PID)
	}
}

// serve answers the other subcommands of this program on a socket that only this container sees.
func (s *supervisor) serve() {
	_ = os.Remove(socketPath)
	listener, err := net.Listen("unix", socketPath)
	if err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /components", func(w http.ResponseWriter, _ *http.Request) {
		list := make([]ProcessStatus, 0, len(s.processes))
		for _, p := range s.processes {
			list = append(list, p.status())
		}
		_ = json.NewEncoder(w).Encode(list)
	})
	mux.HandleFunc("POST /restart/{name}", func(w http.ResponseWriter, r *http.Request) {
		p := s.find(r.PathValue("name"))
		if p == nil {
			http.Error(w, "no such component", http.StatusNotFound)
			return
		}
		go p.stop(p.status().PID)
	})
	_ = http.Serve(listener, mux)
}
