package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const waitLimit = 5 * time.Minute

// Check is one thing that a usable cluster needs.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// Status is what `node status` prints.
type Status struct {
	UID        string          `json:"uid"`
	Version    string          `json:"version"`
	Components []ProcessStatus `json:"components"`
	Checks     []Check         `json:"checks"`
}

var checks = []struct {
	name string
	run  func() error
}{
	{"API server", func() error { _, err := apiGet("/readyz"); return err }},
	{"node", nodeReady},
	{"system pods", systemPodsReady},
	{"storage class", defaultStorageClass},
	{"metrics API", func() error { _, err := apiGet("/apis/metrics.k8s.io/v1beta1/nodes"); return err }},
	{"ingress", ingressAnswers},
	{"registry", func() error { return httpStatus("http://127.0.0.1:5000/v2/", http.StatusOK) }},
}

func runChecks() []Check {
	results := make([]Check, 0, len(checks))
	for _, check := range checks {
		result := Check{Name: check.name, OK: true}
		if err := check.run(); err != nil {
			result.OK, result.Detail = false, err.Error()
		}
		results = append(results, result)
	}
	return results
}

func printStatus() error {
	status := Status{Checks: runChecks()}
	if err := askSupervisor(http.MethodGet, "/components", &status.Components); err != nil {
		return err
	}
	var namespace struct{ Metadata struct{ UID string } }
	if apiDecode("/api/v1/namespaces/kube-system", &namespace) == nil {
		status.UID = namespace.Metadata.UID
	}
	var version struct{ GitVersion string }
	if apiDecode("/version", &version) == nil {
		status.Version = version.GitVersion
	}
	return json.NewEncoder(os.Stdout).Encode(status)
}

// waitUntilUsable prints a line for what is waited for, whenever that changes.
func waitUntilUsable() error {
	deadline := time.Now().Add(waitLimit)
	for _, check := range checks {
		fmt.Printf("waiting for %s\n", check.name)
		for {
			err := check.run()
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s: %w", check.name, err)
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
	return nil
}

type conditions []struct{ Type, Status, Message string }

func (c conditions) is(kind string) (bool, string) {
	for _, condition := range c {
		if condition.Type == kind {
			return condition.Status == "True", condition.Message
		}
	}
	return false, "not reported yet"
}

func nodeReady() error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	var node struct {
		Status struct{ Conditions conditions }
	}
	if err := apiDecode("/api/v1/nodes/"+name, &node); err != nil {
		return err
	}
	if ready, why := node.Status.Conditions.is("Ready"); !ready {
		return errors.New(why)
	}
	return nil
}

func systemPodsReady() error {
	var list struct {
		Items []struct {
			Metadata struct {
				Name       string
				Generation int64
			}
			Spec   struct{ Replicas int64 }
			Status struct{ ObservedGeneration, AvailableReplicas, UpdatedReplicas int64 }
		}
	}
	if err := apiDecode("/apis/apps/v1/namespaces/kube-system/deployments", &list); err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return errors.New("the addons are not installed yet")
	}
	var waiting []string
	for _, d := range list.Items {
		s := d.Status
		if s.ObservedGeneration < d.Metadata.Generation || s.AvailableReplicas < d.Spec.Replicas || s.UpdatedReplicas < d.Spec.Replicas {
			waiting = append(waiting, d.Metadata.Name)
		}
	}
	if len(waiting) > 0 {
		return fmt.Errorf("not ready: %s", strings.Join(waiting, ", "))
	}
	return nil
}

func defaultStorageClass() error {
	var list struct {
		Items []struct {
			Metadata struct{ Annotations map[string]string }
		}
	}
	if err := apiDecode("/apis/storage.k8s.io/v1/storageclasses", &list); err != nil {
		return err
	}
	for _, class := range list.Items {
		if class.Metadata.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			return nil
		}
	}
	return errors.New("no default storage class")
}

// ingressAnswers asks from outside the loopback device, as the published port does.
func ingressAnswers() error {
	node, err := describeNode()
	if err != nil {
		return err
	}
	return httpStatus("http://"+node.Address+"/.well-known/shipmate-probe", http.StatusNotFound)
}

func httpStatus(url string, want int) error {
	client := http.Client{Timeout: 2 * time.Second}
	reply, err := client.Get(url)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode != want {
		return fmt.Errorf("%s answered %s", url, reply.Status)
	}
	return nil
}

func apiGet(path string) ([]byte, error) {
	client, err := apiClient()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	reply, err := client.Get("https://127.0.0.1:6443" + path)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", path, reply.Status)
	}
	return body, err
}

func apiDecode(path string, into any) error {
	body, err := apiGet(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

func apiClient() (*http.Client, error) {
	authority, err := os.ReadFile(filepath.Join(pkiDir, "ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	pair, err := tls.LoadX509KeyPair(filepath.Join(pkiDir, bootstrap+".crt"), filepath.Join(pkiDir, bootstrap+".key"))
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}, nil
}

func askRestart(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: node restart COMPONENT")
	}
	return askSupervisor(http.MethodPost, "/restart/"+args[0], nil)
}

func askSupervisor(method, path string, into any) error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socketPath)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: 5 * time.Second}
	request, err := http.NewRequest(method, "http://node"+path, nil)
	if err != nil {
		return err
	}
	reply, err := client.Do(request)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		message, _ := io.ReadAll(reply.Body)
		return errors.New(strings.TrimSpace(string(message)))
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(reply.Body).Decode(into)
}
