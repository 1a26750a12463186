import { anyOf, Location, LocationPage } from '../../openapi/model/index.ts'
import { collectionRoutes } from '../collection.ts'

export default collectionRoutes({
  service: 'locations',
  name: 'Location',
  tag: 'Locations',
  singular: 'location',
  plural: 'regions and zones',
  model: Location,
  page: LocationPage,
  filters: { kind: anyOf('Only regions, or only zones.', ['region', 'zone']) }
})
