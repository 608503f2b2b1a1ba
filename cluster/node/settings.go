package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
)

const (
	serviceRange = "10.96.0.0/16"
	podRange     = "10.244.0.0/16"
	logDir       = "/var/log/kubernetes"
	socketPath   = "/run/shipmate-node.sock"
	manifestDir  = "/usr/share/shipmate/manifests"
	imagesDir    = "/usr/share/shipmate/images"
)

// Variables so that tests can write elsewhere.
var (
	configDir = "/etc/kubernetes"
	pkiDir    = "/etc/kubernetes/pki"
)

// Node is what the host told this container (by its environment) and what the container found out.
type Node struct {
	Name     string // host name, also the Kubernetes node's name
	Address  string // first address; may differ after a restart of the container
	Registry string // how the host reaches the node's registry, for instance localhost:5001
	Upstream bool   // whether images that the node's registry lacks may be pulled from elsewhere
}

func describeNode() (Node, error) {
	name, err := os.Hostname()
	if err != nil {
		return Node{}, err
	}
	addresses, err := net.LookupIP(name)
	if err != nil {
		return Node{}, fmt.Errorf("address of %s: %w", name, err)
	}
	for _, a := range addresses {
		if v4 := a.To4(); v4 != nil && !v4.IsLoopback() {
			return Node{
				Name:     name,
				Address:  v4.String(),
				Registry: os.Getenv("SHIPMATE_REGISTRY"),
				Upstream: os.Getenv("SHIPMATE_UPSTREAM") != "no",
			}, nil
		}
	}
	return Node{}, fmt.Errorf("%s has no IPv4 address", name)
}

// writeRegistryConfig makes containerd ask the node's own registry first, for every registry there is. Without a
// "server" line containerd goes on to the real one; with it, an image that is missing is reported at once.
func writeRegistryConfig(node Node) error {
	const mirror = "http://127.0.0.1:5000"
	host := fmt.Sprintf("[host.%q]\n  capabilities = [\"pull\", \"resolve\"]\n", mirror)
	own := fmt.Sprintf("server = %q\n%s", mirror, host)
	files := map[string]string{"_default": host, "127.0.0.1" + portOf(node.Registry): own, node.Registry: own}
	if !node.Upstream {
		files["_default"] = own
	}
	for registry, text := range files {
		if registry == "" {
			continue
		}
		if err := writeFile(filepath.Join("/etc/containerd/certs.d", registry, "hosts.toml"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func portOf(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return ":" + port
}

func writeFile(path string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, mode)
}
