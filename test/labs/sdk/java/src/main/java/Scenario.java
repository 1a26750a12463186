import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.CloudsApi;
import org.openapitools.client.api.CloudsApi.*;
import org.openapitools.client.api.ImagesApi;
import org.openapitools.client.api.ImagesApi.*;
import org.openapitools.client.api.NodesApi;
import org.openapitools.client.api.NodesApi.*;
import org.openapitools.client.api.OperationsApi;
import org.openapitools.client.api.OperationsApi.*;
import org.openapitools.client.api.SizesApi;
import org.openapitools.client.api.SizesApi.*;
import org.openapitools.client.api.VolumesApi;
import org.openapitools.client.api.VolumesApi.*;
import org.openapitools.client.model.*;

/** The scenario of the clients in Java: Scenario ORIGIN TOMORROW prints what it saw as JSON. */
public final class Scenario {
  private static final String CLOUD = "default";
  private static final String NAME = "sdk-java";

  private final ApiClient client;
  private final NodesApi nodes;
  private final OperationsApi operations;
  private final VolumesApi volumes;

  private Scenario(String origin) {
    client = new ApiClient();
    client.updateBaseUri(origin);
    nodes = new NodesApi(client);
    operations = new OperationsApi(client);
    volumes = new VolumesApi(client);
  }

  private interface Request {
    Object send() throws ApiException;
  }

  public static void main(String[] args) throws Exception {
    Map<String, Object> seen = new LinkedHashMap<>();
    new Scenario(args[0]).run(seen, new Scenario(args[1]));
    System.out.println(new ObjectMapper().writeValueAsString(seen));
  }

  private void run(Map<String, Object> seen, Scenario later) throws Exception {
    seen.put("sizes", countSizes());

    NodeCreate create = new NodeCreate().name(NAME).imageId("img-debian-12").sizeId("dummy.small");
    Operation created = nodes.createNode(APICreateNodeRequest.newBuilder().cloud(CLOUD).nodeCreate(create)
        .prefer("wait=30").idempotencyKey(UUID.randomUUID().toString()).build());
    seen.put("created", created.getStatus());
    String id = created.getResource().getId();

    VolumeCreate volume = new VolumeCreate().name(NAME).size(2);
    Operation polled = ended(volumes.createVolume(
        APICreateVolumeRequest.newBuilder().cloud(CLOUD).volumeCreate(volume).build()));
    seen.put("polled", polled.getStatus());
    String volumeId = polled.getResource().getId();

    ended(nodes.stopNode(APIStopNodeRequest.newBuilder().cloud(CLOUD).id(id).build()));
    seen.put("stopped", node(id).getState());
    ended(nodes.startNode(APIStartNodeRequest.newBuilder().cloud(CLOUD).id(id).build()));
    seen.put("started", node(id).getState());
    NodeResize resize = new NodeResize().sizeId("dummy.medium");
    ended(nodes.resizeNode(APIResizeNodeRequest.newBuilder().cloud(CLOUD).id(id).nodeResize(resize).build()));
    ended(nodes.confirmResizeNode(APIConfirmResizeNodeRequest.newBuilder().cloud(CLOUD).id(id).build()));
    seen.put("resized", node(id).getSizeId());

    VolumeAttach attach = new VolumeAttach().nodeId(id);
    ended(volumes.attachVolume(
        APIAttachVolumeRequest.newBuilder().cloud(CLOUD).id(volumeId).volumeAttach(attach).build()));
    seen.put("attached", node(id).getVolumeIds().contains(volumeId));

    Node partial = nodes.listNodes(APIListNodesRequest.newBuilder().cloud(CLOUD).name(NAME)
        .fields(List.of("name", "state")).build()).getItems().get(0);
    seen.put("fields", List.of(Map.of("name", partial.getName(), "state", partial.getState())));

    seen.put("refused", codeOf(() -> nodes.revertResizeNode(
        APIRevertResizeNodeRequest.newBuilder().cloud(CLOUD).id(id).build())));

    new CloudsApi(later.client).listClouds(APIListCloudsRequest.newBuilder().build());
    new ImagesApi(later.client).listImages(APIListImagesRequest.newBuilder().cloud(CLOUD).build());
    later.volumes.listVolumes(APIListVolumesRequest.newBuilder().cloud(CLOUD).build());
    seen.put("tomorrow", List.of(
        later.listNodes().get(0).getState(),
        later.operations.listOperations(APIListOperationsRequest.newBuilder().build()).getItems().get(0).getStatus(),
        codeOf(() -> later.node("node-00000000"))));

    ended(volumes.detachVolume(APIDetachVolumeRequest.newBuilder().cloud(CLOUD).id(volumeId).build()));
    ended(volumes.deleteVolume(APIDeleteVolumeRequest.newBuilder().cloud(CLOUD).id(volumeId).build()));
    Operation destroyed = ended(nodes.destroyNode(APIDestroyNodeRequest.newBuilder().cloud(CLOUD).id(id).build()));
    seen.put("destroyed", destroyed.getStatus());
    seen.put("left", listNodes().size());
  }

  private int countSizes() throws ApiException {
    SizesApi sizes = new SizesApi(client);
    List<Size> found = new ArrayList<>();
    String cursor = null;
    do {
      SizePage page = sizes.listSizes(
          APIListSizesRequest.newBuilder().cloud(CLOUD).limit(2).cursor(cursor).build());
      found.addAll(page.getItems());
      cursor = page.getNextCursor();
    } while (cursor != null);
    return found.size();
  }

  private Operation ended(Operation operation) throws ApiException {
    while (operation.getFinishedAt() == null) {
      operation = operations.getOperation(
          APIGetOperationRequest.newBuilder().id(operation.getId()).waitSeconds(30).build());
    }
    return operation;
  }

  private Node node(String id) throws ApiException {
    return nodes.getNode(APIGetNodeRequest.newBuilder().cloud(CLOUD).id(id).build());
  }

  private List<Node> listNodes() throws ApiException {
    return nodes.listNodes(APIListNodesRequest.newBuilder().cloud(CLOUD).name(NAME).build()).getItems();
  }

  private String codeOf(Request request) throws Exception {
    try {
      request.send();
    } catch (ApiException error) {
      return client.getObjectMapper().readValue(error.getResponseBody(), Problem.class).getCode();
    }
    throw new AssertionError("the request has not failed");
  }
}
