# shellcheck shell=bash
# Shared by the test cluster's scripts: its paths, its processes, its keys. Sourced, never run.

# shellcheck source-path=SCRIPTDIR source=places.sh
. "$(dirname "${BASH_SOURCE[0]}")/places.sh"

export NAME=${NAME:-default}
export NET=${NET:-10.99}
export CLUSTER_DATA=${CLUSTER_DATA:-${TMPDIR:-/tmp}/rollcall-cluster-$NAME}
bin=$cache/cluster/bin
pki=$CLUSTER_DATA/pki
# Programs for administrators are not on every user's PATH.
PATH=$bin:$PATH:/usr/sbin:/sbin
host_ip=$NET.255.1
node_ip=$NET.255.2
# At the top level, so that no other process's groups are touched.
cgroup=/rollcall-$NAME
# Interface names have at most 15 characters.
link=rc-${NAME:0:10}
export bin pki host_ip node_ip cgroup link

# alive NAME: is the process in its pid file still one of this cluster? Pids are reused; the data
# folder on the command line decides.
alive() {
  local pid
  pid=$(cat "$CLUSTER_DATA/$1.pid" 2>/dev/null) &&
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$CLUSTER_DATA"
}

# begin NAME COMMAND...: starts it in the background with its own log.
begin() {
  local name=$1
  shift
  setsid "$@" >"$CLUSTER_DATA/logs/$name.log" 2>&1 </dev/null &
  echo $! >"$CLUSTER_DATA/$name.pid"
}

# until_true SECONDS WHAT COMMAND...: waits for the command to succeed.
until_true() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then
      fail "waited in vain for $what" "the logs: $CLUSTER_DATA/logs"
    fi
    sleep 0.05
  done
}

admin() { kubectl --kubeconfig "$CLUSTER_DATA/admin.kubeconfig" "$@"; }

# certificate NAME SUBJECT [LINE OF OPENSSL'S CONFIGURATION]...: signed by the cluster's authority,
# or the authority itself, if it does not exist yet.
certificate() {
  local name=$1 subject=$2 signer=(-CA "$pki/ca.crt" -CAkey "$pki/ca.key")
  shift 2
  if [ "$name" = ca ]; then signer=(); fi
  printf '%s\n' '[req]' distinguished_name=dn x509_extensions=v3 '[dn]' '[v3]' "$@" \
    >"$pki/$name.cnf"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
    -config "$pki/$name.cnf" "${signer[@]}" -subj "$subject" \
    -keyout "$pki/$name.key" -out "$pki/$name.crt" 2>"$pki/$name.log" || {
    cat "$pki/$name.log" >&2
    fail "openssl made no certificate for $name" "OpenSSL 3 or newer is needed"
  }
}

# make_keys ADDRESS: creates the certificates and the key for service account tokens.
make_keys() {
  local inside=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc
  inside+=,DNS:kubernetes.default.svc.cluster.local
  # Some TLS libraries refuse a leaf certificate that does not say that it is not an authority.
  local leaf=('basicConstraints=critical,CA:FALSE' keyUsage=digitalSignature)
  mkdir -p "$pki"
  certificate ca /CN=rollcall-test-cluster basicConstraints=critical,CA:TRUE \
    keyUsage=keyCertSign,digitalSignature
  certificate apiserver /CN=kube-apiserver "${leaf[@]}" extendedKeyUsage=serverAuth \
    "subjectAltName=IP:$1,IP:127.0.0.1,IP:$NET.128.1,DNS:localhost,$inside"
  certificate kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client "${leaf[@]}" \
    extendedKeyUsage=clientAuth
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$pki/sa.key" 2>/dev/null
  openssl pkey -in "$pki/sa.key" -pubout -out "$pki/sa.pub"
}

# make_kubeconfigs SERVER: one for each component, which authenticates as its usual user, so that
# roles and the node authorizer work as in other clusters.
make_kubeconfigs() {
  local who user group token
  while read -r who user group; do
    token=$(openssl rand -hex 16)
    echo "$token,$user,$who,\"$group\"" >>"$pki/tokens.csv"
    cat >"$CLUSTER_DATA/$who.kubeconfig" <<CONFIG
apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster: {server: "$1", certificate-authority-data: $(base64 -w0 "$pki/ca.crt")}
users: [{name: $who, user: {token: "$token"}}]
contexts: [{name: test, context: {cluster: test, user: $who}}]
CONFIG
  done <<USERS
admin admin system:masters
controllers system:kube-controller-manager system:authenticated
scheduler system:kube-scheduler system:authenticated
proxy system:kube-proxy system:authenticated
kubelet system:node:node system:nodes
dns dns system:masters
provisioner provisioner system:masters
USERS
  chmod -R go= "$pki" "$CLUSTER_DATA"/*.kubeconfig
}

# start_api ADDRESS PORT ETCD_PORT FLAG...: etcd and the API server; returns when it is ready.
start_api() {
  local address=$1 port=$2 etcd=http://127.0.0.1:$3
  shift 3
  # Nothing outlives `down`, so there is no need to wait for the disk.
  begin etcd etcd --data-dir "$CLUSTER_DATA/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
    --listen-peer-urls http://127.0.0.1:0
  begin apiserver kube-apiserver --etcd-servers "$etcd" \
    --bind-address "$address" --advertise-address "$address" --secure-port "$port" \
    --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" \
    --client-ca-file "$pki/ca.crt" \
    --token-auth-file "$pki/tokens.csv" --authorization-mode Node,RBAC --allow-privileged \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-key-file "$pki/sa.pub" --service-account-signing-key-file "$pki/sa.key" \
    --service-cluster-ip-range "$NET.128.0/20" "$@"
  until_true 90 "the API server" admin get --raw /readyz
}

# start_controllers PORT
start_controllers() {
  # By default it is throttled so much that starting takes 4 s longer.
  begin controllers kube-controller-manager \
    --kubeconfig "$CLUSTER_DATA/controllers.kubeconfig" --leader-elect=false \
    --use-service-account-credentials --service-account-private-key-file "$pki/sa.key" \
    --root-ca-file "$pki/ca.crt" \
    --cluster-signing-cert-file "$pki/ca.crt" --cluster-signing-key-file "$pki/ca.key" \
    --kube-api-qps 300 --kube-api-burst 600 --horizontal-pod-autoscaler-sync-period 2s \
    --bind-address 127.0.0.1 --secure-port "$1"
}
