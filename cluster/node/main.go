// Command node is what runs in the container of a built-in cluster: it prepares the container to be a
// Kubernetes node, keeps the components running, and answers questions about them.
//
//	node            the container's entry point
//	node status     components and cluster checks as JSON
//	node wait       waits until the cluster is usable, a line per stage
//	node restart X  restarts one component
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	var err error
	switch command(os.Args) {
	case "":
		reap()
	case "supervise":
		err = superviseNode()
	case "status":
		err = printStatus()
	case "wait":
		err = waitUntilUsable()
	case "restart":
		err = askRestart(os.Args[2:])
	default:
		err = fmt.Errorf("usage: node [status | wait | restart COMPONENT]")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
}

func command(args []string) string {
	if len(args) < 2 {
		return ""
	}
	return args[1]
}

// reap is process 1: it only starts the supervisor, passes signals on and collects orphans (the shims of
// containerd become children of process 1), so that the supervisor can wait for its own children undisturbed.
func reap() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	child := exec.Command("/proc/self/exe", "supervise")
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
	go func() {
		for s := range signals {
			_ = child.Process.Signal(s)
		}
	}()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err == nil && pid == child.Process.Pid {
			os.Exit(status.ExitStatus())
		}
	}
}

func superviseNode() error {
	node, err := describeNode()
	if err != nil {
		return err
	}
	if err := prepareContainer(); err != nil {
		return err
	}
	if err := writeIdentities(node); err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	if err := writeRegistryConfig(node); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	s := newSupervisor(components(node))
	go s.serve()
	go bringUp(s, node)
	<-signals
	s.stopAll()
	return nil
}
