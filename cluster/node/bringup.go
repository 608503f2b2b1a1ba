package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// bringUp starts the components in the order in which they can work and then makes the cluster's own objects.
// Every step is tried until it works: what it waits for is kept running by the supervisor.
func bringUp(s *supervisor, node Node) {
	s.start("registry", "containerd", "etcd")
	go importImages()
	waitFor("etcd", time.Second/10, func() error { return dialTLS("127.0.0.1:2379") })
	s.start("kube-apiserver")
	waitFor("kube-apiserver", time.Second/10, func() error { _, err := apiGet("/readyz"); return err })
	s.start("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
	waitFor("the cluster's own objects", time.Second, func() error { return applyManifests(node) })
	waitFor("the node's labels", time.Second, func() error {
		return kubectl(nil, "label", "node", node.Name, "--overwrite", "node-role.kubernetes.io/control-plane=")
	})
	fmt.Println("started")
}

func waitFor(what string, pause time.Duration, try func() error) {
	last := ""
	for {
		err := try()
		if err == nil {
			return
		}
		if text := err.Error(); text != last {
			fmt.Printf("waiting for %s: %s\n", what, text)
			last = text
		}
		time.Sleep(pause)
	}
}

// dialTLS tells whether something answers; who it is does not matter here.
func dialTLS(address string) error {
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return err
	}
	return conn.Close()
}

// importImages gives containerd the images that travel with the node, once for each version of the node's image.
func importImages() {
	archives, _ := filepath.Glob(imagesDir + "/*.tar")
	for _, archive := range archives {
		imported := filepath.Join("/var/lib/containerd", "imported-"+filepath.Base(archive))
		stamp := fileStamp(archive)
		if old, err := os.ReadFile(imported); err == nil && string(old) == stamp {
			continue
		}
		waitFor("images", time.Second/5, func() error {
			out, err := exec.Command("ctr", "-n", "k8s.io", "images", "import", archive).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
			}
			return os.WriteFile(imported, []byte(stamp), 0o644)
		})
	}
}

func fileStamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
}

func applyManifests(node Node) error {
	manifests, err := filepath.Glob(manifestDir + "/*.yaml")
	if err != nil {
		return err
	}
	objects := []string{registryConfigMap(node)}
	for _, path := range manifests {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		objects = append(objects, string(text))
	}
	return kubectl([]byte(strings.Join(objects, "\n---\n")), "apply", "--server-side", "--force-conflicts",
		"--field-manager=shipmate-cluster", "-f", "-")
}

// registryConfigMap is the standard way (KEP-1755) to tell tools which registry the cluster pulls from.
func registryConfigMap(node Node) string {
	hosting := fmt.Sprintf("host: %q\nhostFromClusterNetwork: %q\nhostFromContainerRuntime: %q\n",
		node.Registry, node.Address+":5000", "127.0.0.1:5000")
	text, err := json.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata":   map[string]any{"name": "local-registry-hosting", "namespace": "kube-public"},
		"data":       map[string]any{"localRegistryHosting.v1": hosting},
	})
	if err != nil {
		panic(err) // only strings
	}
	return string(text)
}

func kubectl(input []byte, args ...string) error {
	command := exec.Command("kubectl", append([]string{"--kubeconfig=" + kubeconfigPath(bootstrap)}, args...)...)
	command.Stdin = bytes.NewReader(input)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}
