package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// prepareContainer turns an ordinary container into one that containers can be run in.
func prepareContainer() error {
	if err := syscall.Mount("", "/", "", syscall.MS_SHARED|syscall.MS_REC, ""); err != nil {
		return fmt.Errorf("share mounts: %w", err)
	}
	if err := remountWritable("/sys"); err != nil {
		return err
	}
	if err := prepareCgroups(); err != nil {
		return err
	}
	for _, dir := range []string{logDir, "/var/lib/registry", "/var/lib/shipmate/volumes"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return rejectUnclaimedServices()
}

func remountWritable(path string) error {
	if err := syscall.Mount("", path, "", syscall.MS_REMOUNT|syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("make %s writable: %w", path, err)
	}
	return nil
}

func prepareCgroups() error {
	const root = "/sys/fs/cgroup"
	controllers, err := os.ReadFile(root + "/cgroup.controllers")
	if err == nil {
		if err := remountWritable(root); err != nil {
			return err
		}
		return delegateCgroup2(root, strings.Fields(string(controllers)))
	}
	hierarchies, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		if !h.IsDir() { // cpu and cpuacct are links to one hierarchy
			continue
		}
		if err := remountWritable(filepath.Join(root, h.Name())); err != nil {
			return err
		}
	}
	return nil
}

// delegateCgroup2 moves this container's processes into a leaf: cgroup v2 only hands controllers down from a
// group that holds no process itself, and the kubelet makes its groups directly under the root.
func delegateCgroup2(root string, controllers []string) error {
	leaf := root + "/init"
	if err := os.MkdirAll(leaf, 0o755); err != nil {
		return err
	}
	for range 10 { // a process may fork while it is moved
		pids, err := os.ReadFile(root + "/cgroup.procs")
		if err != nil {
			return err
		}
		fields := strings.Fields(string(pids))
		if len(fields) == 0 {
			break
		}
		for _, pid := range fields {
			_ = os.WriteFile(leaf+"/cgroup.procs", []byte(pid), 0o644)
		}
	}
	for _, c := range controllers {
		if err := os.WriteFile(root+"/cgroup.subtree_control", []byte("+"+c), 0o644); err != nil {
			fmt.Fprintf(os.Stderr, "node: cgroup controller %s is not available: %v\n", c, err)
		}
	}
	return nil
}

// rejectUnclaimedServices refuses addresses of the service range that kube-proxy has not claimed. Without it they
// are routed out of the node, and the API server would keep a connection open to a stranger there.
func rejectUnclaimedServices() error {
	for _, chain := range []string{"OUTPUT", "FORWARD"} {
		rule := []string{chain, "-d", serviceRange, "-j", "REJECT"}
		if exec.Command("iptables", append([]string{"-w", "-C"}, rule...)...).Run() == nil {
			continue
		}
		if out, err := exec.Command("iptables", append([]string{"-w", "-A"}, rule...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("iptables: %w: %s", err, out)
		}
	}
	return nil
}
